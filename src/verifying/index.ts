export { bindImportSteps, type ImportPlan, prepareImport } from './import.ts';
export { type LevelAnswer, type LevelQuestion, verifyLevel } from './level.ts';
export { type ShownStatement, showStatement } from './show.ts';
export { type ListedStatement, listedStatement } from './statements.ts';
export { type EvidenceVerification, surveyEvidence, verifyEvidence } from './survey.ts';
