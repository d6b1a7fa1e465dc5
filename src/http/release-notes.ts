/** What an operator should know before a release goes to hosts, by its Compose files alone. */
import { quote } from '../domain/words.ts';
import { composeTexts, type Manifest } from '../wire/release.ts';
import { isMapping, parseYaml } from './read-compose.ts';

type YamlMapping = Readonly<Record<string, unknown>>;

export interface NamedManifest {
  /** Such as `shop 2`. */
  readonly name: string;
  readonly manifest: Manifest;
}

/** Notes on a release, and on what it changes of those that run now. */
export function notesOnRelease(release: Manifest, running: readonly NamedManifest[]): string[] {
  const projects = projectsOf(release);
  return [
    ...noteTags(projects),
    ...running.flatMap(({ name, manifest }) => noteVolumes(projectsOf(manifest), projects, name)),
  ];
}

/** Images that are named by tags: a later pull of the same name may bring another image. */
function noteTags(projects: readonly YamlMapping[]): string[] {
  const images = projects.flatMap((project) =>
    Object.values(asMapping(project['services'])).flatMap((service) => {
      const { image } = asMapping(service);
      return typeof image === 'string' && !image.includes('@') && !image.includes('$') ? [image] : [];
    }),
  );
  const names = [...new Set(images)];
  const [only] = names;
  if (only === undefined) return [];
  const subject = names.length === 1 ? `The image ${quote(only)} is` : `The images ${names.map(quote).join(', ')} are`;
  return [
    `${subject} named by a tag, which may move: every host of this rollout gets what its first one gets, and a later rollout what the tag means then. An image that is named by its digest stays the same, and 'nexus release create --pin' names all of them so.`,
  ];
}

/** Docker keeps a volume that is there as it is, and so does Compose, without a word. */
function noteVolumes(before: readonly YamlMapping[], after: readonly YamlMapping[], running: string): string[] {
  const [old, now] = [volumesOf(before), volumesOf(after)];
  return Object.keys(now)
    .filter((name) => Object.hasOwn(old, name) && describeVolume(old[name]) !== describeVolume(now[name]))
    .map(
      (name) =>
        `The volume ${quote(name)} is defined otherwise than in ${running}: where it is there, it keeps its data and its old definition.`,
    );
}

function volumesOf(projects: readonly YamlMapping[]): YamlMapping {
  return Object.assign({}, ...projects.map((project) => asMapping(project['volumes'])));
}

function describeVolume(volume: unknown): string {
  const { driver = null, driver_opts: options = null } = asMapping(volume);
  return JSON.stringify([driver, Object.entries(asMapping(options)).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function projectsOf(manifest: Manifest): YamlMapping[] {
  return manifest.removes_stack === true ? [] : composeTexts(manifest).map(parseYaml).filter(isMapping);
}

function asMapping(value: unknown): YamlMapping {
  return isMapping(value) ? value : {};
}
