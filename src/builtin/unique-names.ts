import { extname } from 'node:path';

/** Makes names that differ, also where upper and lower case do not: `a.txt`, `a-2.txt`. The same for the same calls. */
export function createUniqueNames(): (name: string) => string {
  const taken = new Set<string>();
  return (name) => {
    const ending = extname(name);
    const stem = name.slice(0, name.length - ending.length);
    let unique = name;
    for (let count = 2; taken.has(unique.toLowerCase()); count += 1) unique = `${stem}-${count}${ending}`;
    taken.add(unique.toLowerCase());
    return unique;
  };
}
