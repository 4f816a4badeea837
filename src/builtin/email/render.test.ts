import { describe, expect, it } from 'vitest';
import { createRenderer } from './render.ts';

async function render(template: string, variables: Record<string, unknown>, name = 'text'): Promise<string> {
  return (await createRenderer()).render(name, template, variables);
}

describe('a template', () => {
  it.each([
    ['text', 'Tom & "Jerry" <b>'],
    ['subject', 'Tom & "Jerry" <b>'],
    ['html', 'Tom &amp; &quot;Jerry&quot; &lt;b&gt;'],
  ])('as %s comes to %s', async (name, expected) => {
    expect(await render('{{who}}', { who: 'Tom & "Jerry" <b>' }, name)).toBe(expected);
  });

  it('has sections for lists and conditions, and leaves out those that are not given', async () => {
    const template = '{{#orders}}{{sku}}:{{owner.name}} {{/orders}}{{#gift}}wrapped{{/gift}}{{^gift}}plain{{/gift}}';
    const variables = { orders: [{ sku: 'A' }, { sku: 'B' }], owner: { name: 'Ada' } };
    expect(await render(template, variables)).toBe('A:Ada B:Ada plain');
  });

  it('shows null, false and 0 for what they are', async () => {
    expect(await render('[{{a}}|{{b}}|{{c}}]', { a: null, b: false, c: 0 })).toBe('[|false|0]');
  });

  it.each([
    ['{{missing}}', 'there is no variable "missing"'],
    ['{{{missing}}}', 'there is no variable "missing"'],
    ['{{a.b}}', 'there is no variable "a.b"'],
    ['{{constructor}}', 'there is no variable "constructor"'],
    ['{{a.__proto__}}', 'there is no variable "a.__proto__"'],
    ['{{> other}}', 'it includes "other": partials are not supported'],
    ['{{#open}}', 'Unclosed section'],
  ])('fails for good with %s, and says why', async (template, message) => {
    await expect(render(template, { a: { c: 1 } })).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['{{#list.constructor.prototype.__proto__}}{{list.pop}}{{/list.constructor.prototype.__proto__}}', ''],
    ['{{#list.constructor}}{{list.length}}{{/list.constructor}}{{#words}}{{list.length}}{{/words}}', '2'],
  ])('reaches only what the variables hold: %s', async (template, expected) => {
    try {
      expect(await render(template, { list: [1, 2], words: ['a'] })).toBe(expected);
      expect(Object.hasOwn(Object.prototype, 'length')).toBe(false);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'length');
    }
  });

  it('cannot grow without end by sections within sections', async () => {
    const items = Array.from({ length: 1000 }, () => ({}));
    const nested = `${'{{#items}}'.repeat(5)}x${'{{/items}}'.repeat(5)}`;
    await expect(render(nested, { items })).rejects.toThrow('more text than an e-mail may have');
  });
});
