export { type Approval, approvalStatement, parseApproval } from './approval.ts';
export { attachSignature, attachStatement, isSignedFor, isStatementAttached } from './attach.ts';
export { type AttachedBundle, maxBundleBytes, readAttached } from './attached.ts';
export { type BuildResult, buildEvidenceFolder, readBuildResults } from './build-result.ts';
export { bundleType, readEnvelopeFile } from './bundle.ts';
export {
  type ContentPackage,
  type ContentProduct,
  type Contents,
  contentsList,
  contentsStatement,
} from './contents.ts';
export { type Envelope, isEnvelopeBy } from './dsse.ts';
export { isFresh } from './fresh.ts';
export { judge, testerRole } from './judge.ts';
export { decideLevel, type LevelVerdict } from './level-verdict.ts';
export { loadStatement, readStatementsIn } from './load.ts';
export {
  buildType,
  type Material,
  type Provenance,
  parseProvenance,
  provenanceStatement,
  type ReadProvenance,
} from './provenance.ts';
export { type PublicKey, readPublicKey } from './public-key.ts';
export { type FoundStatement, readSigned, type Signatory } from './read-file.ts';
export { latestResult, readResults, type StoredResult } from './results.ts';
export { hasSigned, type Retraction, retractSigned } from './retract.ts';
export { type SignedStatement, signedStatement, signedText, signStatement } from './sign.ts';
export { keyVariable, type Signer, type SignerOptions, signerFor } from './signer.ts';
export { emergencyStatement, holdStatement, parseWithdrawal, sayTheSame, withdrawalStatement } from './standing.ts';
export {
  maxStatementBytes,
  ownPredicates,
  parseStatement,
  predicateTypes,
  type Statement,
  type Subject,
  statementTime,
  statementType,
} from './statement.ts';
export {
  evidenceFolder,
  type InspectedFile,
  inspectEvidence,
  readEvidence,
  type VerifiedStatement,
  writeEvidence,
} from './store.ts';
export { type CheckResult, parseTestResult, testResultStatement } from './test-result.ts';
export { keysWithRole, openTrust, promoterRole, type Trust, type TrustedKey, trustFiles } from './trust.ts';
export { verifyAttached } from './verify-attached.ts';
export {
  levelMark,
  parseSummary,
  type ReadSummary,
  type VerificationSummary,
  verificationSummary,
} from './vsa.ts';
export { parseWaiver, type Waiver, waiverStatement } from './waiver.ts';
