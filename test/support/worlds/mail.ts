import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExampleWorld } from '../example-world.ts';
import { startMailServer } from '../mail-server.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

/** The mail server, templates and files of e-mails, and the addresses that notifications call. */
export const mailWorld: ExampleWorld = {
  types: ['email:send', 'email:batch', 'user:notification'],
  async start(folder) {
    const [server, receiver] = await Promise.all([startMailServer(), startWebhookReceiver()]);
    const templates = join(folder, 'templates');
    mkdirSync(templates);
    writeFileSync(join(templates, 'welcome.subject.txt'), 'Welcome, {{name}}');
    writeFileSync(join(templates, 'welcome.html'), '<p>Welcome, {{name}}</p>');
    mkdirSync(join(folder, 'invoices'));
    writeFileSync(join(folder, 'invoices', '17.txt'), 'Invoice 17');
    return {
      settings: {
        SMTP_URL: `smtp://127.0.0.1:${server.port}`,
        EMAIL_FROM: 'Shop <shop@example.com>',
        EMAIL_TEMPLATES_DIR: templates,
      },
      replace: {
        'https://shop.example.com/hooks': `${receiver.url}/hooks`,
        'https://hooks.slack.example.com': receiver.url,
      },
      async stop() {
        await Promise.all([server.stop(), receiver.stop()]);
      },
    };
  },
};
