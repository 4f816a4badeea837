import { describe, expect, it } from 'vitest';
import { toHtml, toSlack, toText } from './format.ts';

describe('a notification', () => {
  it('is escaped in HTML, with its paragraphs and line breaks', () => {
    const html = toHtml({ title: '<T>', body: 'a\nb\n\n\n<script>', link: 'https://example.com/?a="&b' });
    expect(html).toBe(
      [
        '<h1 style="font-size:1.25em">&lt;T&gt;</h1>',
        '<p>a<br>b</p>',
        '<p>&lt;script&gt;</p>',
        '<p><a href="https://example.com/?a=&quot;&amp;b">https://example.com/?a=&quot;&amp;b</a></p>',
      ].join('\n'),
    );
  });

  it('has its title for text where there is nothing else', () => {
    expect(toText({ title: 'T', body: '' })).toBe('T');
    expect(toText({ title: 'T', body: 'b', link: 'https://example.com' })).toBe('b\n\nhttps://example.com');
  });

  it('neither mentions anybody in Slack nor ends a link early', () => {
    const { blocks } = toSlack({ title: '<!channel>', body: '', link: 'https://example.com/a|b>c' });
    expect(JSON.stringify(blocks)).not.toMatch(/<!|\|/);
    expect(blocks).toHaveLength(2);
  });

  it('is cut in Slack between characters and between escapes', () => {
    const { blocks } = toSlack({ title: 'T', body: '&😀'.repeat(2000) });
    const { text } = (blocks[1] as { text: { text: string } }).text;
    expect(text.length).toBeLessThanOrEqual(3000);
    expect(text).toMatch(/^(&amp;😀)+(&amp;)?…$/u);
  });
});
