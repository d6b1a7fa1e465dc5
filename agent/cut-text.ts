/** At most `max` UTF-16 code units of `text`, never half of a surrogate pair. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text.isWellFormed() ? text : text.toWellFormed();
  const cut = text.slice(0, max);
  const last = cut.charCodeAt(max - 1);
  return (last >= 0xd800 && last <= 0xdbff ? cut.slice(0, -1) : cut).toWellFormed();
}
