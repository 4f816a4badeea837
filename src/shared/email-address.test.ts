import { describe, expect, it } from 'vitest';
import { emailKeyOf, isEmailAddress, parseEmailAddress } from './email-address.ts';

describe('an e-mail address', () => {
  it.each(['ada@example.com', 'a.b+tag@sub.example.co.uk', 'root@localhost', 'jörg@bücher.example'])(
    'may be %s',
    (text) => {
      expect(isEmailAddress(text)).toBe(true);
    },
  );

  it.each([
    ...['', 'ada', '@example.com', 'ada@', 'a b@example.com', 'a@b@example.com', 'ada@-example.com', 'ada@a..b'],
    ...['ada@example.com\r\nBcc: eve@example.com', 'a,b@example.com', '"a b"@example.com', 'ada@[127.0.0.1]'],
    `${'a'.repeat(65)}@example.com`,
    'ada@exa mple.com',
  ])('is not %j', (text) => {
    expect(isEmailAddress(text)).toBe(false);
  });

  it.each([
    ['ada@example.com', { address: 'ada@example.com' }],
    ['Ada Lovelace <ada@example.com>', { name: 'Ada Lovelace', address: 'ada@example.com' }],
    ['"Lovelace, Ada" <ada@example.com>', { name: 'Lovelace, Ada', address: 'ada@example.com' }],
    ['<ada@example.com>', { address: 'ada@example.com' }],
    ['Ada\r\nBcc: eve@example.com <ada@example.com>', undefined],
    ['Ada <ada@example.com> <eve@example.com>', undefined],
    ['Ada ada@example.com', undefined],
  ])('is read from %j with its name', (text, parsed) => {
    expect(parseEmailAddress(text)).toEqual(parsed);
  });

  it('is the same in capitals and in another script of its domain, but not of its local part', () => {
    expect(emailKeyOf('ada@EXAMPLE.com')).toBe(emailKeyOf('ada@example.com'));
    expect(emailKeyOf('ada@Bücher.example')).toBe(emailKeyOf('ada@xn--bcher-kva.example'));
    expect(emailKeyOf('Ada@example.com')).not.toBe(emailKeyOf('ada@example.com'));
  });
});
