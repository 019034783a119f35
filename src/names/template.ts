/** A text with variables in it: `7-stack-lsst_distrib-{release.eups}`. `{{` and `}}` stand for the braces themselves. */
export interface Template {
  parts: (string | TemplateVariable)[];
  /** What is wrong with its form. Where a part is, counts from 0. */
  faults: { offset: number; message: string }[];
}

export interface TemplateVariable {
  /** `release.eups`, `product.afw.commit`. */
  name: string;
  offset: number;
}

const token = /\{\{|\}\}|\{([A-Za-z0-9_.+-]*)\}|[{}]/g;

/** Passes over the text once; never fails. */
export function parseTemplate(text: string): Template {
  const template: Template = { parts: [], faults: [] };
  let from = 0;
  const literal = (piece: string): void => {
    const last = template.parts.at(-1);
    if (piece === '') return;
    if (typeof last === 'string') template.parts[template.parts.length - 1] = last + piece;
    else template.parts.push(piece);
  };
  for (const match of text.matchAll(token)) {
    const [whole, name] = match;
    literal(text.slice(from, match.index));
    from = match.index + whole.length;
    if (whole === '{{' || whole === '}}') literal(whole[0]!);
    else if (name) template.parts.push({ name, offset: match.index });
    else {
      const message = name === '' ? 'braces without a name' : `a '${whole}' alone`;
      template.faults.push({ offset: match.index, message });
    }
  }
  literal(text.slice(from));
  return template;
}

export const variablesOf = (text: string): TemplateVariable[] =>
  parseTemplate(text).parts.filter((part) => typeof part !== 'string');

/** Put in values. A variable without one stays as it is written: who checks the text first will have none. */
export function fillTemplate(text: string, value: (name: string) => string | undefined): string {
  return parseTemplate(text)
    .parts.map((part) => (typeof part === 'string' ? part : (value(part.name) ?? `{${part.name}}`)))
    .join('');
}
