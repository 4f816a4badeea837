/** Checks two rules of src that dependency-cruiser cannot see. */
import { globSync, readFileSync } from 'node:fs';

interface Rule {
  pattern: RegExp;
  allowedIn: RegExp;
  fault: string;
}

const rules: Rule[] = [
  {
    pattern:
      /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\s*\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b|\bimport\b[^;]*\benv\b[^;]*'(node:)?process'/,
    allowedIn: /^src\/env\.ts$|\.test\.ts$/,
    fault: 'only src/env.ts reads process.env; take the value as an argument',
  },
  {
    // `import('x').T` as a type is an import that the import rules do not see.
    pattern:
      /(?<!await\s)(?<!\(await\s)\bimport\(\s*['"`][^'"`]+['"`]\s*\)\s*\.\s*(?!then\b|catch\b|finally\b)\w|\btypeof\s+import\(/,
    allowedIn: /^$/,
    fault: 'import a type with `import type`, so that the import rules see it',
  },
];

const faults = globSync('src/**/*.ts').flatMap((path) => {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    const isComment = /^\s*(\/\/|\*|\/\*)/.test(line);
    const broken = isComment ? [] : rules.filter((rule) => rule.pattern.test(line) && !rule.allowedIn.test(path));
    return broken.map((rule) => `${path}:${index + 1} ${rule.fault}`);
  });
});

for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
