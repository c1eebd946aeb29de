// The four-method logger that the engine writes to and workflows write through.
import { publish } from './events.js';

/** Where log lines go. `pino`, `console` and most others fit after a line of adapting. */
export interface Logger {
  debug(message: string, facts?: Record<string, unknown>): void;
  info(message: string, facts?: Record<string, unknown>): void;
  warn(message: string, facts?: Record<string, unknown>): void;
  error(message: string, facts?: Record<string, unknown>): void;
}

function line(write: (text: string, ...rest: unknown[]) => void): Logger['info'] {
  return (message, facts) => (facts === undefined ? write(message) : write(message, facts));
}

/** Writes to the console; what workers use when they are given nothing else. */
export const consoleLogger: Logger = {
  debug: line((...all) => console.debug(...all)),
  info: line((...all) => console.info(...all)),
  warn: line((...all) => console.warn(...all)),
  error: line((...all) => console.error(...all)),
};

/** A logger whose failures end where they begin: no log line is worth a run. They are told as trouble. */
export function guardedLogger(to: Logger): Logger {
  const guard = (level: keyof Logger): Logger['info'] => (message, facts) => {
    try {
      if (facts === undefined) to[level](message);
      else to[level](message, facts);
    } catch (error) {
      publish('perdure:trouble', () => ({ what: 'the logger failed', error }));
    }
  };
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
}

/** A logger that adds `facts` to every line and asks `mayWrite` before each. */
export function scopedLogger(to: Logger, facts: Record<string, unknown>, mayWrite: () => boolean): Logger {
  const through = (level: keyof Logger): Logger['info'] => (message, more) => {
    if (mayWrite()) to[level](message, more === undefined ? facts : { ...facts, ...more });
  };
  return { debug: through('debug'), info: through('info'), warn: through('warn'), error: through('error') };
}
