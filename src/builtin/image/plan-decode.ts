import type { Resize } from './image-schema.ts';

export interface Size {
  width: number;
  height: number;
}

/** Above it an image is decoded anew for each variant: 100 MB of pixels is what a job may hold. */
const MAX_SHARED_PIXELS = 25_000_000;
/** As much larger than the largest variant, so that none looks worse for it. */
const OVERSAMPLING = 2;

/**
 * The size in which all variants can be made from one decoded image. Pure.
 * @param size of the image, turned and cropped
 * @returns undefined where each should decode the image by itself
 */
export function planSharedSize(size: Size, resizes: readonly (Resize | undefined)[]): Size | undefined {
  if (resizes.length < 2) return undefined;
  const scales = resizes.map((resize) => (resize ? scaleOf(size, resize) : 1));
  const scale = Math.min(1, OVERSAMPLING * Math.max(...scales));
  const shared = { width: Math.ceil(size.width * scale), height: Math.ceil(size.height * scale) };
  return shared.width * shared.height > MAX_SHARED_PIXELS ? undefined : shared;
}

/** What a result comes to at most. Pure. */
export function planResultSize(size: Size, resize: Resize | undefined): Size {
  if (!resize) return size;
  const { width, height, fit, withoutEnlargement } = resize;
  if (width !== undefined && height !== undefined && fit !== 'inside' && fit !== 'outside') return { width, height };
  const scales = [...(width ? [width / size.width] : []), ...(height ? [height / size.height] : [])];
  const wanted = fit === 'outside' ? Math.max(...scales) : Math.min(...scales);
  const scale = withoutEnlargement ? Math.min(1, wanted) : wanted;
  return { width: Math.ceil(size.width * scale), height: Math.ceil(size.height * scale) };
}

/** By how much the longer side of the two is scaled: whatever the fit, no more is needed. */
function scaleOf({ width, height }: Size, resize: Resize): number {
  return Math.max((resize.width ?? 0) / width, (resize.height ?? 0) / height);
}
