import { describe, expect, it } from 'vitest';
import { readSections, toPlainText } from './markdown.ts';

describe('readSections', () => {
  it('divides a document by its headings, of either kind', () => {
    const text =
      '# One #\n\nfirst\nline\n\nsecond\n\nTwo\n---\n- a [ ] b\n- [x] c\n1. d\n\n### Three:\n> quoted\n> text';
    expect(readSections(text)).toEqual([
      { level: 1, heading: 'One', paragraphs: ['first line', 'second'] },
      { level: 2, heading: 'Two', paragraphs: ['a b', 'c', 'd'] },
      { level: 3, heading: 'Three', paragraphs: ['quoted text'] },
    ]);
  });

  it('leaves out what nobody would read aloud', () => {
    const text = [
      '---\ntitle: front matter\n---\n<!-- a\ncomment --> before',
      '```sh\nnpm ci\n# no heading\n```',
      '~~~~\n```\n~~~~',
      '| a | b |\n|---|---|\n| 1 | 2 |',
      '[![build](https://ci.example/badge.svg)](https://ci.example)',
      '[ref]: https://example.com "title"\n[^1]: a note',
      '<pre>code\nmore</pre><script>alert(1)</script>',
      '* * *\nafter\r\n\r\n```\nnever closed',
    ].join('\n\n');
    expect(readSections(text)).toEqual([{ level: 0, heading: '', paragraphs: ['before', 'after'] }]);
  });

  it('takes plain text as it is, and nothing for nothing', () => {
    expect(readSections('One.\nTwo.\n\nThree.')).toEqual([
      { level: 0, heading: '', paragraphs: ['One. Two.', 'Three.'] },
    ]);
    expect(readSections(' \n\t\n')).toEqual([]);
  });

  it.each(['[', '](', '[a](', '<!--', '<pre>', '*', '_', '`', '<a', '![', '&#', ':a', 'https://', '> ', '#'])(
    'takes no longer for 200,000 characters of %j than it would for prose',
    (part) => {
      // Quadratic time would take minutes and exceed the limit of the test.
      readSections(part.repeat(200_000 / part.length));
    },
  );
});

describe('toPlainText', () => {
  it.each([
    ['**bold**, _italic_, `code` and ~~gone~~', 'bold, italic, code and gone'],
    ['snake_case and 2 * 3 * 4', 'snake_case and 2 * 3 * 4'],
    ['[a link](https://example.com/a_(b)), [another][ref] and [a third]', 'a link, another and a third'],
    ['see https://www.example.com/a/b?c=d. Then <https://docs.example>', 'see example.com. Then docs.example'],
    ['text[^1] &amp; more&nbsp;&lt;b&gt; &#233; &unknown;', 'text & more <b> é &unknown;'],
    ['done 🎉 :tada: ✅ at 10:30:45', 'done at 10:30:45'],
    ['a<br>b <b>c</b>', 'a b c'],
    ['a \\*star\\*', 'a *star*'],
    ['bell\u0007 and zero\u200Bwidth', 'bell and zero width'],
  ])('reads %j as %j', (markup, plain) => expect(toPlainText(markup)).toBe(plain));
});
