/**
 * Splits a command line at its spaces, quotes and backslashes as a shell does; nothing is expanded or run. The last word
 * is the one under the cursor: it may be empty, and a quote in it may still be open.
 */
export function commandLineWords(line: string): string[] {
  const words: string[] = [''];
  let quote: string | undefined;
  let inWord = false;
  const append = (text: string): void => {
    words[words.length - 1] += text;
    inWord = true;
  };
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '\\' && quote !== "'") {
      at += 1;
      append(line.charAt(at));
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else append(character);
    } else if (character === '"' || character === "'") {
      quote = character;
      inWord = true;
    } else if (/\s/.test(character)) {
      if (inWord) words.push('');
      inWord = false;
    } else {
      append(character);
    }
  }
  return words;
}
