export { type AskGate, type Board, type BoardLevel, type GateAnswer, readBoard } from './board.ts';
export type { BoardEntry } from './board-entry.ts';
export { type HistoriesOptions, readHistories } from './histories.ts';
export { type Deed, type HistoryEvent, readHistory } from './history.ts';
export { changesBetween, type ProductState, previousOf, type ReleaseChanges } from './release-changes.ts';
export { completedBy, gatherNotes, type ReleaseNotes } from './release-notes.ts';
export {
  type ImageDetail,
  levelsOf,
  type ReleaseDetail,
  type ReleaseFacts,
  readReleases,
  releaseDetail,
} from './releases.ts';
export { type Ticket, ticketsOf } from './tickets.ts';
