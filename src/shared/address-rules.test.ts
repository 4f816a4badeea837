import { describe, expect, it } from 'vitest';
import {
  type AddressRuleOptions,
  createRefusal,
  findNameRefusal,
  findRefusal,
  judgeAddress,
  parseAddressRules,
} from './address-rules.ts';

const strict = { allowPrivate: false, allow: [] };

function isAllowed(address: string, options: AddressRuleOptions = strict): boolean {
  return judgeAddress(parseAddressRules(options), address).allowed;
}

function explain(address: string, options: AddressRuleOptions = strict): string {
  const verdict = judgeAddress(parseAddressRules(options), address);
  return verdict.allowed ? 'allowed' : createRefusal(address, address, verdict).message;
}

describe('judgeAddress', () => {
  it.each(['93.184.215.14', '8.8.8.8', '2606:4700:4700::1111', '2a00:1450:4001::200e'])('allows public %s', (address) =>
    expect(isAllowed(address)).toBe(true),
  );

  it.each([
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.1.1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fd12:3456::1', 'unique-local'],
    ['fc00::1', 'unique-local'],
    ['100.64.0.1', 'carrier-grade'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['::', 'unspecified'],
    ['192.0.2.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['240.0.0.1', 'reserved'],
    ['192.88.99.1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['fec0::1', 'reserved'],
    ['100::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['64:ff9b:1::1', 'reserved'],
    ['169.254.169.254', 'cloud metadata'],
    ['168.63.129.16', 'cloud metadata'],
    ['fd00:ec2::254', 'cloud metadata'],
  ])('refuses %s as %s', (address, why) => expect(explain(address)).toContain(why));

  it.each([
    ['::ffff:127.0.0.1', 'IPv4-mapped'],
    ['::ffff:7f00:1', 'IPv4-mapped'],
    ['0:0:0:0:0:ffff:a9fe:a9fe', 'cloud metadata'],
    ['::7f00:1', 'IPv4-compatible'],
    ['::ffff:0:7f00:1', 'IPv4-translated'],
    ['64:ff9b::a00:1', 'NAT64'],
    ['2002:7f00:1::', '6to4'],
    ['2002:a9fe:a9fe::1', 'cloud metadata'],
    ['2001:0:808:808::80ff:fffe', 'Teredo'],
    ['2606:4700::5efe:a00:1', 'ISATAP'],
    ['2606:4700::200:5efe:a00:1', 'ISATAP'],
  ])('refuses %s, which carries a refused IPv4 address (%s)', (address, form) =>
    expect(explain(address)).toContain(form),
  );

  it.each(['::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1'])(
    'allows %s, which carries a public address',
    (address) => expect(isAllowed(address)).toBe(true),
  );

  it('refuses what is not an address at all', () => {
    expect(isAllowed('localhost')).toBe(false);
    expect(isAllowed('127.1')).toBe(false);
    expect(isAllowed('')).toBe(false);
  });

  it('opens private ranges with OUTBOUND_ALLOW_PRIVATE, but neither metadata nor unusable addresses', () => {
    const open = { allowPrivate: true, allow: [] };
    for (const address of ['127.0.0.1', '::1', '10.0.0.1', '169.254.1.1', 'fd12::1', '100.64.0.1', '::ffff:10.0.0.1']) {
      expect(isAllowed(address, open), address).toBe(true);
    }
    for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '224.0.0.1', '0.0.0.0']) {
      expect(isAllowed(address, open), address).toBe(false);
    }
  });

  it('opens exactly the ranges and addresses that are listed', () => {
    const listed = { allowPrivate: false, allow: ['127.0.0.0/8', '::1/128', ' 10.0.0.7 ', '169.254.169.254'] };
    for (const address of ['127.9.9.9', '::1', '::ffff:127.0.0.1', '10.0.0.7', '169.254.169.254']) {
      expect(isAllowed(address, listed), address).toBe(true);
    }
    expect(isAllowed('10.0.0.8', listed)).toBe(false);
    expect(isAllowed('fe80::1', listed)).toBe(false);
  });
});

describe('findRefusal', () => {
  const isRefused = (options: Partial<AddressRuleOptions>, host: string, address: string) =>
    findRefusal(parseAddressRules({ ...strict, ...options }), host, address) !== undefined;

  it('takes host names without regard to case, a final dot or IPv6 brackets', () => {
    const allow = ['Intranet.Example.', '[fd00::1]'];
    expect(isRefused({ allow }, 'intranet.example', '10.0.0.1')).toBe(false);
    expect(isRefused({ allow }, 'INTRANET.example.', '10.0.0.1')).toBe(false);
    expect(isRefused({ allow }, 'sub.intranet.example', '10.0.0.1')).toBe(true);
    expect(isRefused({ allow }, 'fd00::1', 'fd00::1')).toBe(false);
  });

  it('takes a wildcard for every name below it, and for no other', () => {
    const allow = ['*.Corp.example'];
    for (const host of ['a.corp.example', 'a.b.corp.example', 'A.CORP.EXAMPLE.']) {
      expect(isRefused({ allow }, host, '10.0.0.1'), host).toBe(false);
    }
    for (const host of ['corp.example', '.corp.example', 'evilcorp.example', 'a.corp.example.evil.test', '*.corp']) {
      expect(isRefused({ allow }, host, '10.0.0.1'), host).toBe(true);
    }
  });

  it('refuses everything that is not among the hosts, by name or by range, once they are listed', () => {
    const hosts = ['api.example', '*.cdn.example', '8.8.8.0/24'];
    expect(isRefused({ hosts }, 'api.example', '93.184.215.14')).toBe(false);
    expect(isRefused({ hosts }, 'eu.cdn.example', '93.184.215.14')).toBe(false);
    expect(isRefused({ hosts }, 'dns.example', '8.8.8.8')).toBe(false);
    expect(isRefused({ hosts }, 'other.example', '93.184.215.14')).toBe(true);
    expect(isRefused({ hosts, allow: ['other.example'], allowPrivate: true }, 'other.example', '10.0.0.1')).toBe(true);
  });

  it('keeps private addresses closed for listed hosts, unless they are allowed as well', () => {
    const hosts = ['api.example', '10.0.0.0/8'];
    expect(isRefused({ hosts }, 'api.example', '10.0.0.1')).toBe(true);
    expect(isRefused({ hosts }, '10.0.0.1', '10.0.0.1')).toBe(true);
    expect(isRefused({ hosts, allow: ['10.0.0.0/8'] }, 'api.example', '10.0.0.1')).toBe(false);
  });
});

describe('findNameRefusal', () => {
  it('refuses an unlisted name before it is looked up, unless a range might hold its address', () => {
    const names = parseAddressRules({ ...strict, hosts: ['api.example'] });
    expect(findNameRefusal(names, 'other.example')).toMatchObject({
      code: 'ADDRESS_REFUSED',
      message: 'other.example is not listed in OUTBOUND_HOSTS and may not be called',
    });
    expect(findNameRefusal(names, 'API.example.')).toBeUndefined();
    expect(findNameRefusal(parseAddressRules({ ...strict, hosts: ['8.8.8.0/24'] }), 'other.example')).toBeUndefined();
    expect(findNameRefusal(parseAddressRules(strict), 'other.example')).toBeUndefined();
  });
});

describe('parseAddressRules', () => {
  it('names every entry that it cannot read', () => {
    const allow = ['10.0.0.0/33', 'ok.example', 'a b', ''];
    expect(() => parseAddressRules({ allowPrivate: false, allow, hosts: ['*.ok.example', 'a.*.b', '*'] })).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIGURATION',
        errors: [
          { path: 'OUTBOUND_ALLOW', message: expect.stringContaining('"10.0.0.0/33"') },
          { path: 'OUTBOUND_ALLOW', message: expect.stringContaining('"a b"') },
          { path: 'OUTBOUND_ALLOW', message: expect.stringContaining('""') },
          { path: 'OUTBOUND_HOSTS', message: expect.stringContaining('"a.*.b"') },
          { path: 'OUTBOUND_HOSTS', message: expect.stringContaining('"*"') },
        ],
      }),
    );
  });
});

describe('createRefusal', () => {
  it('names host, address, reason and the settings that would open it', () => {
    const rules = parseAddressRules(strict);
    const verdict = judgeAddress(rules, '10.0.0.1');
    if (verdict.allowed) throw new Error('10.0.0.1 must be refused');
    expect(createRefusal('db.example', '10.0.0.1', verdict)).toMatchObject({
      code: 'ADDRESS_REFUSED',
      message:
        'db.example resolves to 10.0.0.1, which is a private address and may not be called; ' +
        'to allow it, set OUTBOUND_ALLOW_PRIVATE=true or list the address, its range or the host name in OUTBOUND_ALLOW',
    });
  });

  it('does not offer OUTBOUND_ALLOW_PRIVATE where only the list helps', () => {
    expect(explain('169.254.169.254')).not.toContain('OUTBOUND_ALLOW_PRIVATE');
    expect(explain('169.254.169.254')).toContain('OUTBOUND_ALLOW');
  });
});
