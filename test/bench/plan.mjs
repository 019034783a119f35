// A generated plan of any size: features of a hundred to a file, a milestone to a file.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function writePlan(root, features, milestones) {
  mkdirSync(join(root, 'milestones/features'), { recursive: true });
  writeFileSync(join(root, 'dmrel.yaml'), 'schema: dmrel/workspace/v1\norganization: bench\n');
  const perTeam = 100;
  for (let team = 0; team * perTeam < features; team++) {
    const lines = ['schema: dmrel/features/v1', `owner: T${team}`, 'features:'];
    for (let number = 0; number < perTeam && team * perTeam + number < features; number++) {
      lines.push(
        `  T${team}-F-${number}:`,
        `    title: "Feature ${number} of team ${team}, with a title of ordinary length"`,
        `    aka: [CODE-${team}-${number}]`,
        `    due: "20${20 + (number % 10)}-0${1 + (number % 9)}-15"`,
        `    cycle: F${20 + (number % 10)}`,
      );
    }
    writeFileSync(join(root, `milestones/features/T${team}.yaml`), `${lines.join('\n')}\n`);
  }
  for (let number = 0; number < milestones; number++) {
    const needs = [];
    for (let each = 0; each < Math.floor(features / milestones); each++) {
      const feature = number * Math.floor(features / milestones) + each;
      needs.push(`      - T${Math.floor(feature / perTeam)}-F-${feature % perTeam}`);
    }
    if (number > 0) needs.push(`      - M-${number - 1}`);
    const lines = ['schema: dmrel/milestones/v1', 'milestones:', `  M-${number}:`, `    title: "Milestone ${number}"`];
    writeFileSync(join(root, `milestones/M-${number}.yaml`), `${[...lines, '    needs:', ...needs].join('\n')}\n`);
  }
}
