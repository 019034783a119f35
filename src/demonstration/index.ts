export { commitDelivered, isYetToMake, makeDemoWorkspace, unfinishedWeek, untilNobodyWorks } from './begin.ts';
export { createDemoWorkspace, declareDelivered, writeRemotes } from './workspace.ts';
