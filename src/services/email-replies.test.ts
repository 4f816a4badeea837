import { describe, expect, it } from 'vitest';
import { toSmtpFailure, toVerdicts } from './email-replies.ts';

const fault = (about: object) => Object.assign(new Error('what the library says'), about);

describe('a failure of SMTP', () => {
  it.each<[string, object, 'NonRetryableError' | 'Error']>([
    ['5xx', { responseCode: 550, response: '550 no', code: 'EENVELOPE', command: 'RCPT TO' }, 'NonRetryableError'],
    [
      'a refused login',
      { responseCode: 535, response: '535 no', code: 'EAUTH', command: 'AUTH PLAIN' },
      'NonRetryableError',
    ],
    ['4xx', { responseCode: 451, response: '451 later', code: 'EMESSAGE', command: 'DATA' }, 'Error'],
    ['a server that closes', { responseCode: 421, response: '421 bye', code: 'ECONNECTION' }, 'Error'],
    ['a bad sequence of commands', { responseCode: 503, response: '503 what?', code: 'EENVELOPE' }, 'Error'],
    ['a lost connection', { code: 'ECONNECTION', command: 'CONN' }, 'Error'],
    ['a certificate', { code: 'ETLS', command: 'CONN' }, 'Error'],
    ['settings that cannot work', { code: 'ECONFIG' }, 'NonRetryableError'],
    ['an address that the library refuses', { code: 'EENVELOPE', command: 'API' }, 'NonRetryableError'],
    ['a connection that was closed before', { code: 'ECONNECTION', command: 'API' }, 'Error'],
  ])('with %s decides about another attempt', (_, about, name) => {
    expect(toSmtpFailure(fault(about)).name).toBe(name);
  });

  it('has the words of the server in one line, and else those of the library', () => {
    const answered = {
      responseCode: 554,
      response: '554-5.7.1 spam\r\n554 5.7.1 see https://example.com',
      command: 'DATA',
    };
    expect(toSmtpFailure(fault(answered)).message).toBe(
      'the mail server answered to DATA: 554-5.7.1 spam 554 5.7.1 see https://example.com',
    );
    expect(toSmtpFailure(fault({ code: 'EDNS', command: 'CONN' })).message).toBe(
      'the mail server could not be used (EDNS): what the library says',
    );
  });
});

it.each<[string, object, string]>([
  ['a refused login', { responseCode: 535, response: '535 no', code: 'EAUTH' }, 'check the user and the password'],
  ['TLS where there is none', { code: 'ESOCKET', message: 'C0:SSL:wrong version number:a.c:77:\n' }, 'need smtp://'],
  ['no TLS where it is needed', { code: 'ETIMEDOUT', message: 'Greeting never received' }, 'need smtps://'],
])('says what to look at after %s', (_, about, advice) => {
  const { message } = toSmtpFailure(fault(about));
  expect(message).toContain(advice);
  expect(message).not.toContain('\n');
});

it('names refused recipients as the caller wrote them', () => {
  const keys = new Map([['jo@xn--bcher-kva.example', 'jo@Bücher.example']]);
  const refused = [
    fault({ recipient: 'jo@xn--bcher-kva.example', responseCode: 452, response: '452 full' }),
    fault({ recipient: 'nobody@example.com', responseCode: 550, response: '550 no' }),
  ];
  expect(toVerdicts(refused, keys)).toEqual([{ address: 'jo@Bücher.example', reply: '452 full', isPermanent: false }]);
});
