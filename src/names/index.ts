export { eupsTagOf, isEupsTag, isGitTag } from './eups.ts';
export { parseImageTag, type TagOptions } from './image-tag.ts';
export { labTagOf } from './lab-tag.ts';
export { type MilestoneRelease, milestoneReleaseName, parseMilestoneRelease } from './milestone.ts';
export { byMenu, compareNames } from './order.ts';
export { type NameForm, nameForms, type ParseOptions, parseName } from './parse.ts';
export { type NameKind, nameKinds, type ParsedName } from './parsed.ts';
export {
  byRelease,
  candidateName,
  dailyName,
  externalTagOf,
  nextCandidate,
  officialName,
  type ParsedRelease,
  parseReleaseName,
  type ReleaseKind,
  type ReleaseName,
  weeklyName,
} from './release.ts';
export { parseStackTag, type StackTag } from './stack-tag.ts';
export { fillTemplate, parseTemplate, type Template, type TemplateVariable, variablesOf } from './template.ts';
export { explainWeek, thursdayOf, type Week, type WeekRule, weekOf } from './weeks.ts';
