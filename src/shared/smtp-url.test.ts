import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { smtpOptions } from './smtp-options.ts';
import { readSmtpUrl } from './smtp-url.ts';

function faultsOf(url: string): string[] {
  const faults: string[] = [];
  const server = readSmtpUrl(url, faults);
  expect(server === undefined).toBe(faults.length > 0);
  return faults;
}

describe('SMTP_URL', () => {
  it('without options has those of the docs', () => {
    expect(readSmtpUrl('smtp://mail.example.com')).toEqual({
      host: 'mail.example.com',
      port: undefined,
      secure: false,
      auth: undefined,
      options: {
        requireTLS: false,
        ignoreTLS: false,
        maxConnections: 5,
        maxMessages: 100,
        connectionTimeout: 20_000,
        dnsTimeout: 20_000,
        greetingTimeout: 20_000,
        socketTimeout: 60_000,
        idleTimeout: 240_000,
      },
      tls: { rejectUnauthorized: true },
    });
  });

  it('gives each option as what it is', () => {
    const query = [
      ...[
        'requireTLS=true',
        'tls.rejectUnauthorized=false',
        'tls.servername=mail.example.com',
        'tls.minVersion=TLSv1.3',
      ],
      ...['authMethod=CRAM-MD5', 'name=jobs.example.com', 'localAddress=10.0.0.7', 'maxConnections=1', 'maxMessages=7'],
      ...['connectionTimeout=1', 'dnsTimeout=2', 'greetingTimeout=3', 'socketTimeout=4', 'idleTimeout=5'],
    ].join('&');
    expect(readSmtpUrl(`smtps://10.0.0.1:2465/?${query}`)).toEqual({
      host: '10.0.0.1',
      port: 2465,
      secure: true,
      auth: undefined,
      options: {
        requireTLS: true,
        ignoreTLS: false,
        authMethod: 'CRAM-MD5',
        name: 'jobs.example.com',
        localAddress: '10.0.0.7',
        maxConnections: 1,
        maxMessages: 7,
        connectionTimeout: 1,
        dnsTimeout: 2,
        greetingTimeout: 3,
        socketTimeout: 4,
        idleTimeout: 5,
      },
      tls: { rejectUnauthorized: false, servername: 'mail.example.com', minVersion: 'TLSv1.3' },
    });
  });

  it.each([
    ['smtp://me:pw@localhost:2525', { host: 'localhost', port: 2525, auth: { user: 'me', pass: 'pw' } }],
    ['smtps://a%40b.example:p%40%3A%2Fw@h', { host: 'h', secure: true, auth: { user: 'a@b.example', pass: 'p@:/w' } }],
    ['smtp://h/?', { host: 'h' }],
    ['smtp://[::1]:25', { host: '::1', port: 25 }],
    ['smtp://post.Bücher.example', { host: 'post.xn--bcher-kva.example' }],
  ])('%s is understood', (url, server) => expect(readSmtpUrl(url)).toMatchObject(server));

  it.each([
    'mail.example.com',
    'http://mail.example.com',
    'smtp:mail.example.com',
    'smtp://mail:port',
    'smtp://me:pw@',
  ])('%s is no URL of SMTP', (url) => expect(readSmtpUrl(url)).toBeUndefined());

  it.each([
    ['smtp://h?pol=true', /^has an option "pol", which is unknown; allowed: requireTLS, .*, idleTimeout$/],
    ['smtp://h?requiretls=true', /"requiretls", which is unknown/],
    ['smtp://h?__proto__=true', /"__proto__", which is unknown/],
    ['smtp://h?toString=true', /"toString", which is unknown/],
    ['smtp://h?=1', /"", which is unknown/],
    ['smtp://h?maxMessages=1&maxMessages=1', /^has the option maxMessages twice; allowed: once$/],
    ['smtp://h?requireTLS', /^has the option requireTLS=""; allowed: true or false$/],
    ['smtp://h?requireTLS=1', /requireTLS="1"; allowed: true or false/],
    ['smtp://h?requireTLS=true&ignoreTLS=true', /requireTLS=true and ignoreTLS=true/],
    ['smtp://h?tls.minVersion=TLSv1', /"TLSv1"; allowed: TLSv1.2 or TLSv1.3/],
    ['smtp://h?tls.servername=10.0.0.1', /"10.0.0.1"; allowed: a host name/],
    ['smtp://h?name=*.example.com', /allowed: a host name/],
    ['smtp://h?localAddress=here', /allowed: an IP address/],
    ['smtp://h?authMethod=XOAUTH2', /allowed: PLAIN or LOGIN or CRAM-MD5/],
    ['smtp://h?maxConnections=0', /allowed: a whole number from 1 to 1000$/],
    ['smtp://h?socketTimeout=1e3', /allowed: a whole number from 1 to 3600000$/],
    ['smtp://', /names no host/],
    ['smtp://h:0', /port 0/],
    ['smtp://h/inbox', /goes on with/],
    ['smtp://h#top', /goes on with/],
    ['smtp://me:se%zzcret@h', /write % as %25/],
  ])('%s is refused: %s', (url, fault) => {
    expect(faultsOf(url)).toEqual([expect.stringMatching(fault)]);
  });

  it('names all that is wrong', () => {
    expect(faultsOf('smtp://h?pool=true&logger=true&maxConnections=many')).toHaveLength(3);
  });

  it.each(['smtp://me:1?secret@h', 'smtp://me:1/secret@h', 'smtp://me:1#secret@h', 'smtp://me:1?secret=1@h?name=a'])(
    'shows nothing of a password that ends too early: %s',
    (url) => {
      expect(faultsOf(url)).toEqual([
        expect.stringMatching(/^has an "@" behind the host; .* write @ : \/ \? # as %40/),
      ]);
    },
  );

  it('never shows the value of what it does not know', () => {
    expect(faultsOf('smtp://h?pwd=secret').join()).not.toContain('secret');
  });

  it('has the same options in the guide', () => {
    const guide = readFileSync(new URL('../../docs/guides/email.md', import.meta.url), 'utf8');
    const table = guide.slice(guide.indexOf('| option |'), guide.indexOf('An option that is not listed'));
    const names = table.split('\n').flatMap((row) => {
      const [, cell = ''] = row.split('|');
      return [...cell.matchAll(/`([\w.]+)/g)].map(([, name]) => name);
    });
    expect(names.toSorted()).toEqual(Object.keys(smtpOptions).toSorted());
  });
});
