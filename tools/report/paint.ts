import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Colours a text where colours are wanted, and gives it back as it is where not. */
export type Paint = (colour: Colour, text: string) => string;

export function makePaint(wanted: boolean): Paint {
  return (colour, text) => (wanted ? styleText(colour, text, { validateStream: false }) : text);
}
