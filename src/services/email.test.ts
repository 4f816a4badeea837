import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { createEmailSender } from './email.ts';

it('hides the password where the mail server repeats what it does not understand', async () => {
  const answer = (socket: Socket) => (chunk: Buffer) => {
    const line = chunk.toString().trim();
    if (line.startsWith('EHLO')) socket.write('250-hello\r\n250 AUTH PLAIN\r\n');
    else socket.write(`500 5.5.1 Command unrecognized: "${line}"\r\n`);
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // whoever is refused may cut the connection
    socket.on('data', answer(socket)).write('220 hello\r\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const smtpUrl = `smtp://me:top%20secret@127.0.0.1:${port}`;
  const email = createEmailSender({ smtpUrl, from: undefined, templatesDir: '/' });
  try {
    const message = { messageId: '<1@a.example>', from: { address: 'a@a.example' }, to: [], subject: 'a', headers: {} };
    const sending = email.send({ ...message, recipients: ['b@a.example'] }, new AbortController().signal);
    const error = await sending.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(/unrecognized: "AUTH PLAIN \*\*\*"/) });
    const encoded = Buffer.from('\u0000me\u0000top secret').toString('base64');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(encoded);
  } finally {
    await email.close();
    server.close();
  }
});
