import type { EventEmitter } from 'node:events';
import { emitKeypressEvents, type Key } from 'node:readline';

/** Single keys of the terminal, by name. @returns what gives the terminal back */
export function listenForKeys(listener: (key: string) => void): () => void {
  const { stdin } = process;
  const onKeypress = (_text: string | undefined, key: Key) => listener(nameKey(key));
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.on('keypress', onKeypress);
  stdin.resume();
  return () => {
    stdin.off('keypress', onKeypress);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

function nameKey({ name, sequence = '', ctrl, shift }: Key): string {
  if (ctrl && name) return `ctrl-${name}`;
  if (name === 'tab' && shift) return 'shift-tab';
  if (name === 'enter') return 'return'; // a line feed, as some programs send it
  // Letters as they were typed: `name` is in lower case, and of many characters there is none.
  return sequence.length === 1 && sequence > ' ' && sequence !== '\u007f' ? sequence : (name ?? sequence);
}

export function listen(emitter: EventEmitter, event: string, listener: () => void): () => void {
  emitter.on(event, listener);
  return () => emitter.off(event, listener);
}
