/** About right for English and for scripts whose letters take several bytes; a tokenizer of each model would be 2 MB. */
const BYTES_PER_TOKEN = 4;
const TOKENS_PER_MESSAGE = 4;
/** Between 85 and 1,105 for the models that tell. */
const TOKENS_PER_IMAGE = 1100;

export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

export interface CountedMessage {
  content: string | readonly { type: string; text?: string }[];
}

export function estimateMessages(messages: readonly CountedMessage[]): number {
  return messages.reduce((sum, { content }) => sum + TOKENS_PER_MESSAGE + estimateContent(content), 0);
}

function estimateContent(content: CountedMessage['content']): number {
  if (typeof content === 'string') return estimateTokens(content);
  return content.reduce((sum, { text }) => sum + (text === undefined ? TOKENS_PER_IMAGE : estimateTokens(text)), 0);
}
