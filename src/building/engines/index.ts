export { type ChosenEngine, chooseEngine } from './choose.ts';
export { type EngineSurvey, surveyEngines } from './survey.ts';
