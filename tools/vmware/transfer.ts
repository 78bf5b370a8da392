import type { StepVoice } from '../publish/steps.ts';
import type { OvaMember } from './ova-file.ts';

/** `Uploading disk.vmdk... (45%, 2.3MiB/s)`, drawn over itself. */
const PROGRESS = /Uploading (\S+)\.\.\. \((\d+)%/;
const DONE = /Uploading (\S+)\.\.\. OK/;

/** Reads how far govc is, of an archive whose members it sends in their order. */
export function transferProgress(members: readonly OvaMember[], voice: StepVoice): (line: string) => void {
  const sent = new Map<string, number>();
  const total = members.reduce((sum, { bytes }) => sum + bytes, 0);
  return (line) => {
    const done = DONE.exec(line);
    const [, name = '', percent = '100'] = done === null ? (PROGRESS.exec(line) ?? []) : [...done];
    const member = members.find((each) => each.name === name);
    if (member === undefined) return;
    sent.set(name, done === null ? (member.bytes * Number(percent)) / 100 : member.bytes);
    const bytes = [...sent.values()].reduce((sum, each) => sum + each, 0);
    voice.progress({ done: Math.round(bytes), total, unit: 'bytes', note: name });
  };
}
