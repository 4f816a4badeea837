export interface Palette {
  /** Of the background, from one corner to the other: dark enough for white text. */
  from: string;
  via: string;
  to: string;
  /** Of lines and marks. */
  accent: string;
}

const palettes: readonly [Palette, ...Palette[]] = [
  { from: '#0f1535', via: '#2b2f8f', to: '#6d3ad0', accent: '#b9a8ff' },
  { from: '#04233a', via: '#075985', to: '#0e7f96', accent: '#7de3f4' },
  { from: '#210a3a', via: '#5b21a6', to: '#b0257c', accent: '#f5a8de' },
  { from: '#06281f', via: '#0f5c46', to: '#138a78', accent: '#86f0cf' },
  { from: '#2c0d17', via: '#8a1c3c', to: '#c2502f', accent: '#ffc2a1' },
  { from: '#0b1830', via: '#173f86', to: '#2567d6', accent: '#9cc8ff' },
];

/** Neighbouring scenes differ; the same video always begins with the same colours. */
export function choosePalette(seed: string, scene: number): Palette {
  let hash = 0;
  for (const letter of seed) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003;
  return palettes[(hash + scene) % palettes.length] ?? palettes[0];
}
