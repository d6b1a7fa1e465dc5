/** The oldest Compose whose flags and output agents count on. */
const MIN_COMPOSE_VERSION = [2, 17] as const;

/** Why a Compose that reports the version `text` cannot be used; null when it can. */
export function objectToComposeVersion(text: string): string | null {
  const match = /^v?(\d+)\.(\d+)\b/.exec(text.trim());
  const [neededMajor, neededMinor] = MIN_COMPOSE_VERSION;
  const needed = `Docker Compose ${neededMajor}.${neededMinor} or later is needed`;
  if (match === null) return `${needed}, and the installed one does not report its version`;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const isEnough = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  return isEnough ? null : `${needed}, and version ${match[0]} is installed: update the Compose plugin of Docker`;
}
