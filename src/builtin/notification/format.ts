import type { NotificationInput } from './schema.ts';

type Message = Pick<NotificationInput, 'title' | 'body' | 'link'>;

/** Slack takes 3,000 characters in a section; some are left for what stands around. */
const SLACK_SECTION = 2990;

export function toText({ title, body, link }: Message): string {
  return [body === '' ? title : body, ...(link === undefined ? [] : [link])].join('\n\n');
}

export function toHtml({ title, body, link }: Message): string {
  const paragraphs = body.split(/\n{2,}/).filter((text) => text.trim() !== '');
  const parts = [
    `<h1 style="font-size:1.25em">${escapeHtml(title)}</h1>`,
    ...paragraphs.map((text) => `<p>${escapeHtml(text).replaceAll('\n', '<br>')}</p>`),
    ...(link === undefined ? [] : [`<p><a href="${escapeHtml(link)}">${escapeHtml(link)}</a></p>`]),
  ];
  return parts.join('\n');
}

/** `text` is what notifications and clients without blocks show. */
export function toSlack({ title, body, link }: Message): { text: string; blocks: object[] } {
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
  return {
    text: escapeSlack(title),
    blocks: [
      section(`*${escapeSlack(title)}*`),
      ...(body === '' ? [] : [section(escapeSlack(body))]),
      ...(link === undefined ? [] : [section(`<${escapeSlack(new URL(link).href.replaceAll('|', '%7C'))}>`)]),
    ],
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** As https://docs.slack.dev/messaging/formatting-message-text says, and cut where a section ends. */
function escapeSlack(text: string): string {
  let escaped = '';
  for (const character of text) {
    const next = slackEscapes[character] ?? character;
    if (escaped.length + next.length >= SLACK_SECTION) return `${escaped}…`;
    escaped += next;
  }
  return escaped;
}

const slackEscapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
