import { expect, it } from 'vitest';
import { planSharedSize } from './plan-decode.ts';

const fit = { fit: 'inside', position: 'center', withoutEnlargement: true } as const;
const photo = { width: 6000, height: 4000 };

it.each([
  ['one result', photo, [{ width: 100, ...fit }], undefined],
  [
    'small results',
    photo,
    [
      { width: 300, ...fit },
      { width: 150, ...fit },
    ],
    { width: 600, height: 400 },
  ],
  [
    'the side that needs more',
    photo,
    [
      { width: 60, height: 400, ...fit },
      { width: 1, ...fit },
    ],
    { width: 1200, height: 800 },
  ],
  ['a result without a size', { width: 60, height: 40 }, [undefined, { width: 6, ...fit }], { width: 60, height: 40 }],
  [
    'what is not larger',
    { width: 60, height: 40 },
    [
      { width: 600, ...fit },
      { width: 6, ...fit },
    ],
    { width: 60, height: 40 },
  ],
  ['more pixels than may be held', { width: 8000, height: 6000 }, [undefined, { width: 6, ...fit }], undefined],
])('decodes for %s at the size that all can share', (_, size, resizes, shared) => {
  expect(planSharedSize(size, resizes)).toEqual(shared);
});
