// Reads a list of queries as JSON from standard input; answers a list of what is wrong with each, or null.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
const { DefaultSettings, TaskUtils } = require('@microsoft/powerquery-parser');

const answers = [];
for (const query of JSON.parse(readFileSync(0, 'utf8'))) {
  const task = await TaskUtils.tryLexParse(DefaultSettings, query);
  answers.push(TaskUtils.isParseStageOk(task) ? null : task.error.message);
}
console.log(JSON.stringify(answers));
