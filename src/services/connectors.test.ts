import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineConnector } from '../define/connector.ts';
import { NonRetryableError } from '../define/errors.ts';
import { createConnectors } from './connectors.ts';

describe('a connector', () => {
  const shop = defineConnector({
    name: 'shop',
    parameters: z.strictObject({ pages: z.int().default(3) }),
    async *pages() {},
  });
  const { find, resolve } = createConnectors({}, async () => new Map([['shop', shop]]));

  it('is found by its name, with the parameters that its schema made', async () => {
    expect(await find('shop')).toBe(shop);
    expect(await find('other')).toBeUndefined();
    expect(await resolve('shop', {})).toEqual({ connector: shop, parameters: { pages: 3 } });
  });

  it('that is not there, or does not take the parameters, fails the job at once', async () => {
    const other = resolve('other', {});
    await expect(other).rejects.toThrow(new NonRetryableError('there is no connector "other"; there are: shop'));
    await expect(resolve('shop', { pages: 'x' })).rejects.toThrow(
      /^the connector "shop" does not take.*parameters\.pages/,
    );
  });
});

describe('a secret of a connector', () => {
  const secrets = { SHOP: { origin: 'https://shop.example.com', secret: '3f9a' } };
  const { secret } = createConnectors(secrets, async () => new Map());

  it('is given for its origin alone', () => {
    expect(secret('SHOP', 'https://shop.example.com/api?a=1')).toBe('3f9a');
    expect(secret('SHOP', 'https://SHOP.example.com:443')).toBe('3f9a');
    for (const url of [
      'http://shop.example.com',
      'https://shop.example.com:444',
      'https://shop.example.com.evil.com',
    ]) {
      expect(() => secret('SHOP', url)).toThrow('is not for');
    }
  });

  it('is missing under every other name', () => {
    for (const name of ['OTHER', 'constructor', '__proto__']) {
      expect(() => secret(name, 'https://shop.example.com')).toThrow(`set CONNECTOR_SECRET_${name}`);
    }
  });
});
