// What the tour prints: plain lines, each printed when what it says has happened.
const bold = '1';
const dim = '2';
const red = '31';
const green = '32';

const { NO_COLOR = '', TERM } = process.env;
const colours = process.stdout.isTTY === true && NO_COLOR === '' && TERM !== 'dumb';

function paint(colour: string, text: string): string {
  return colours ? `\u001b[${colour}m${text}\u001b[0m` : text;
}

/** The screen of the tour. */
export const screen = {
  /** A chapter begins. */
  title(text: string): void {
    console.log(`\n${paint(bold, text)}`);
  },
  /** A fact. */
  say(text: string): void {
    console.log(`  ${text}`);
  },
  /** A remark about the fact above. */
  remark(text: string): void {
    console.log(`  ${paint(dim, text)}`);
  },
  /** Something was counted, and is as it should be. */
  right(text: string): void {
    console.log(`  ${paint(green, 'ok')}  ${text}`);
  },
  /** A process says something, or something happens to it. */
  worker(pid: number, text: string, bad = false): void {
    const line = `worker ${String(pid).padEnd(7)} ${text}`;
    console.log(`  ${bad ? paint(red, line) : line}`);
  },
};

/** `1.7 s`, from milliseconds. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
