export { type Diagnosis, diagnose, type Finding } from './doctor.ts';
