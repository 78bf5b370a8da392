import { Listr, ListrLogger, ProcessOutput } from 'listr2';

import type { Paint } from './paint.ts';
import { Screen } from './screen.ts';

const REFRESH_MS = 200;

/** What is drawn: a line, and the text below it. */
export interface Picture {
  readonly title: string;
  readonly text: string;
}

/** The foot of a terminal, drawn again and again until it ends and is gone. */
export interface Live {
  /** Writes for good, above what is drawn. */
  print(text: string): void;
  /** At once: the next write finds a terminal that is nobody's. */
  end(): void;
}

export function startLive(stream: NodeJS.WriteStream, paint: Paint, draw: () => Picture): Live {
  // Whatever else writes to the stream meanwhile is kept until the end.
  const output = new ProcessOutput(stream, stream, { leaveEmptyLine: false });
  const ended = Promise.withResolvers<void>();
  // listr2 makes the one there is.
  const screens: Screen[] = [];
  class Shown extends Screen {
    constructor(...args: ConstructorParameters<typeof Screen>) {
      super(...args);
      screens.push(this);
    }
  }
  const list = new Listr(
    {
      title: draw().title,
      task: async (_context, task) => {
        const refresh = setInterval(() => {
          const { title, text } = draw();
          task.title = title;
          task.output = text;
        }, REFRESH_MS);
        await ended.promise;
        clearInterval(refresh);
      },
    },
    {
      renderer: Shown,
      rendererOptions: {
        clearOutput: true,
        // A line that wraps would be more lines than listr2 takes back.
        formatOutput: 'truncate',
        logger: new ListrLogger({ processOutput: output, useIcons: true, toStderr: [] }),
        icon: { OUTPUT: '' },
        color: { WAITING: (icon = '') => paint('dim', icon), PENDING: (icon = '') => paint('yellow', icon) },
      },
      registerSignalListeners: false,
    },
  );
  void list.run();
  return {
    print: (text) => screens[0]?.print(text, output),
    end: () => {
      screens[0]?.end();
      ended.resolve();
    },
  };
}
