export { type ApprovalRequest, prepareApproval } from './approve.ts';
export { gateAsker } from './ask.ts';
export { type ExplainRequest, type Explanation, explainGate } from './explain.ts';
export { type GateQuestion, gateFacts } from './facts.ts';
export {
  type Condition,
  type ConditionKind,
  type ConditionState,
  type EvidenceReference,
  evaluateGate,
  type GateDecision,
  type IgnoredStatement,
} from './gate.ts';
export type {
  AfterFact,
  ApprovalFact,
  Author,
  CheckFact,
  EmergencyFact,
  GateFacts,
  ResultFact,
  StatementFact,
  SummaryFact,
  WaiverFact,
  WithdrawalFact,
} from './gate-facts.ts';
export { bindHoldSteps, type HoldPlan, type PreparedHold, prepareHold } from './hold.ts';
export type { PromotionPlan } from './plan.ts';
export { bindPromotionSteps, type PreparedPromotion, preparePromotion } from './promote.ts';
export { bindRecommendSteps, prepareRecommend, type RecommendPlan } from './recommend.ts';
export { bindReconcileSteps, type PreparedReconcile, prepareReconcile, type ReconcilePlan } from './reconcile.ts';
export {
  bindStatementSteps,
  type PreparedStatement,
  type StatementPlan,
} from './record-statement.ts';
export { prepareWaiver, type WaiverRequest } from './waive.ts';
export { bindWithdrawalSteps, type PreparedWithdrawal, prepareWithdrawal } from './withdraw.ts';
export type { WithdrawalPlan } from './withdraw-plan.ts';
