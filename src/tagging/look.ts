import { join } from 'node:path';
import { type CommitId, openRemote, parseTagContent, type RemoteRefs, readRemoteTag } from '../git/index.ts';
import type { Product } from '../products/index.ts';
import { failed, ok, type Problem, problem, type Result } from '../support/index.ts';
import type { ExistingTag } from './existing.ts';
import type { ProductFacts } from './plan.ts';

/** What is to be found out of one product: the commit to tag, and the tag if it is there. */
export interface Sought {
  product: Product;
  auxiliary: boolean;
  /** Its tag's name. */
  tag: string;
  /** The same version in its other form, which must not be there: `v1.0` for `1.0`. */
  otherForm?: string;
  /** Branches or tags, the first that is there gives the commit. */
  refs: readonly string[];
  /** Whether one of them must be there. Otherwise the head of the default branch serves. */
  strict: boolean;
  /** The commit when none of them is there. */
  commit?: CommitId;
  /** A tag that is on that commit if nothing went wrong, so that its presence need not be asked for. */
  commitTag?: string;
  version?: string;
}

export interface Look {
  jobsPerHost: number;
  signal: AbortSignal;
  scratch: string;
  /** Told after each remote, for the progress line. */
  looked: (name: string) => void;
}

/** A host that has kept this many callers waiting for nothing is not asked by the others. */
const patience = 2;

/**
 * Ask every remote, hosts side by side, so that one which does not answer delays no other. Gives what came back, in
 * the order asked, and all problems; nothing is written anywhere.
 */
export async function askRemotes<T extends { product: Product }, Answer>(
  asked: readonly T[],
  look: Pick<Look, 'jobsPerHost' | 'signal' | 'looked'>,
  ask: (each: T) => Promise<Result<Answer>>,
): Promise<{ answers: Map<string, Answer>; problems: Problem[] }> {
  const answers = new Map<string, Answer>();
  const problems: Problem[] = [];
  const byHost = new Map<string, T[]>();
  for (const each of asked) {
    const { host } = each.product.url;
    byHost.set(host, [...(byHost.get(host) ?? []), each]);
  }
  const askHost = async (host: string, queue: T[]): Promise<void> => {
    let silent = 0;
    const worker = async () => {
      for (let each = queue.shift(); each && !look.signal.aborted; each = queue.shift()) {
        const { name } = each.product;
        const answer = silent >= patience ? failed<Answer>(notAsked(name, host)) : await ask(each);
        if (answer.ok) {
          silent = 0;
          answers.set(name, answer.value);
        } else {
          if (answer.problems.some(isSilence)) silent += 1;
          problems.push(...answer.problems.map((found) => ({ ...found, subject: name })));
        }
        look.looked(name);
      }
    };
    await Promise.all(Array.from({ length: Math.min(look.jobsPerHost, queue.length) }, worker));
  };
  await Promise.all([...byHost].map(([host, queue]) => askHost(host, queue)));
  problems.sort((left, right) => ((left.subject ?? '') < (right.subject ?? '') ? -1 : 1));
  return { answers, problems };
}

const isSilence = ({ code, message }: Problem): boolean =>
  code === 'remote-unreachable' && message.includes('does not answer in time');

function notAsked(name: string, host: string): Problem {
  return problem('remote-unreachable', `${name}: ${host} did not answer the others, so it was not asked`, {
    hint: 'try again later',
  });
}

/** Look at every remote: the commit to give the tag to, and the tag. */
export async function lookAtRemotes(
  sought: readonly Sought[],
  look: Look,
): Promise<{ facts: ProductFacts[]; problems: Problem[] }> {
  const { answers, problems } = await askRemotes(sought, look, (each) => lookAtRemote(each, look));
  const facts = [...answers.values()];
  facts.sort((left, right) => (left.product.name < right.product.name ? -1 : 1));
  return { facts, problems };
}

async function lookAtRemote(sought: Sought, look: Look): Promise<Result<ProductFacts>> {
  const { product, auxiliary, tag, refs, version, otherForm, commitTag } = sought;
  const remote = openRemote(product.url, { signal: look.signal });
  const tagRef = `refs/tags/${tag}`;
  const branches = refs.flatMap((ref) => [`refs/heads/${ref}`, `refs/tags/${ref}`]);
  const others = [otherForm, commitTag].filter((each) => each !== undefined).map((each) => `refs/tags/${each}`);
  const listed = await remote.listRefs([...new Set(['HEAD', ...branches, tagRef, ...others])]);
  if (!listed.ok) return listed;
  const found = firstOf(refs, listed.value);
  const fallback = sought.strict ? undefined : listed.value.head?.commit;
  const commit = found ?? sought.commit ?? fallback;
  if (commit === undefined) {
    const what = refs.length === 0 ? 'has no commit' : `has no branch or tag '${refs.join("', '")}'`;
    const hint = 'set its ref in the index, or take it out';
    return failed(problem('ref-not-found', `${product.name}: ${product.url.display} ${what}`, { hint }));
  }
  const object = listed.value.refs.get(tagRef);
  const existing: ExistingTag | undefined = object && {
    object,
    // A lightweight tag is its commit; what an annotated one points to stands beside it.
    commit: (listed.value.peeled.get(tagRef) ?? object) as string as CommitId,
  };
  const known = [found, listed.value.head?.commit, existing?.commit, commitOf(`refs/tags/${commitTag}`, listed.value)];
  if (!known.includes(commit)) {
    const there = await remote.hasCommit({ commit, scratch: join(look.scratch, product.name) });
    if (!there.ok) return there;
    if (!there.value) {
      const hint = 'it was rewritten, or is of another repository';
      const message = `${product.name}: ${product.url.display} has no commit ${commit}`;
      return failed(problem('commit-not-found', message, { hint }));
    }
  }
  const ambiguous = otherForm !== undefined && listed.value.refs.has(`refs/tags/${otherForm}`);
  return ok({
    product,
    auxiliary,
    commit,
    tag,
    ...(version === undefined || commit !== sought.commit ? {} : { version }),
    ...(existing ? { existing } : {}),
    ...(ambiguous ? { otherForm } : {}),
  });
}

const commitOf = (ref: string, { refs, peeled }: RemoteRefs): CommitId | undefined =>
  (peeled.get(ref) ?? refs.get(ref)) as string as CommitId | undefined;

/** The first of some branches or tags that is there; a branch before a tag of its name. */
function firstOf(names: readonly string[], listed: RemoteRefs): CommitId | undefined {
  for (const name of names) {
    const commit = commitOf(`refs/heads/${name}`, listed) ?? commitOf(`refs/tags/${name}`, listed);
    if (commit !== undefined) return commit;
  }
  return undefined;
}

/** Read the tags whose tagger and message decide, and put them into the facts. */
export async function readContents(
  facts: ProductFacts[],
  undecided: (each: ProductFacts) => boolean,
  look: Look,
): Promise<Problem[]> {
  const { answers, problems } = await askRemotes(facts.filter(undecided), look, async ({ product, tag, existing }) => {
    const request = { tag, object: existing!.object, scratch: join(look.scratch, product.name), signal: look.signal };
    const read = await readRemoteTag(product.url, request);
    return read.ok ? ok(parseTagContent(read.value)) : read;
  });
  for (const each of facts) {
    const content = answers.get(each.product.name);
    if (content && each.existing) each.existing = { ...each.existing, content };
  }
  return problems;
}
