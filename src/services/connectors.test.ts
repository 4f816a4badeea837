import { describe, expect, it } from 'vitest';
import { createConnectors } from './connectors.ts';

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
