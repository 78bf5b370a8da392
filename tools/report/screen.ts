import { DefaultRenderer } from 'listr2';
import type { ProcessOutput } from 'listr2';

/** Tells a terminal to show all up to its end at once, so that nothing flickers; one that does not know it ignores it. */
const AT_ONCE = { begin: '\u001B[?2026h', end: '\u001B[?2026l' };

/** listr2's own renderer, but on stderr whatever stdout is, able to print above itself and to end without waiting. */
export class Screen extends DefaultRenderer {
  static override readonly nonTTY = true;
  #state: 'starting' | 'drawing' | 'ended' = 'starting';
  #frame = '';

  override async render(): Promise<void> {
    await super.render();
    if (this.#state === 'ended') super.end();
    else this.#state = 'drawing';
  }

  override create(options?: Parameters<DefaultRenderer['create']>[0]): string {
    this.#frame = super.create(options);
    return this.#frame;
  }

  /** Line by line, or all but the first would be indented once more. */
  protected override format(message: string, icon: string, level: number): string[] {
    return message.split('\n').flatMap((line) => super.format(line, icon, level));
  }

  /** The cursor stands below the frame: up, print, and the same frame again. To listr2 nothing has happened. */
  print(text: string, output: ProcessOutput): void {
    const height = this.#frame === '' ? 0 : this.#frame.split('\n').length;
    const clear = height === 0 ? '' : `\u001B[${height}A\u001B[J`;
    const frame = height === 0 ? '' : `${this.#frame}\n`;
    output.toStdout(`${AT_ONCE.begin}${clear}${text}${frame}${AT_ONCE.end}`, false);
  }

  override end(): void {
    if (this.#state === 'drawing') super.end();
    this.#state = 'ended';
  }
}
