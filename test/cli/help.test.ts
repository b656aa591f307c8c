/** What is printed and written about options, from the tables. */
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandHelp, optionsDocument, overview } from '../../src/cli/help.ts';
import { OPTIONS } from '../../src/config/options.ts';

test('docs/options.md is what the tables say', async () => {
  await expect(optionsDocument()).toMatchFileSnapshot('../../docs/options.md');
});

test('the overview has every command, an example, the exit codes', async () => {
  const page = await overview(100);
  for (const { name, examples } of COMMANDS) {
    expect(page).toContain(`  ${name}`);
    expect(page).toContain(examples[0]);
  }
  expect(page).toMatch(/Exit codes: 0 done/);
});

test.each(COMMANDS.map((command) => [command.name, command] as const))(
  '%s --help',
  async (_name, command) => {
    const page = await commandHelp(command, 100);
    for (const row of OPTIONS) {
      const { name, kind, scope } = row;
      const taken =
        (command.scope === 'run' || (command.scope === 'translation' && scope === 'translation')) &&
        (command.bears?.(row) ?? true);
      const found = new RegExp(`--(\\[no-\\])?${name}${kind === 'flag' ? '(?![\\w-])' : ' '}`).test(page);
      expect(found, name).toBe(taken);
    }
    for (const { name } of command.own) expect(page).toContain(`--${name}`);
    const words = page.replaceAll(/\s+/g, ' ');
    for (const meaning of Object.values(command.exits)) expect(words).toContain(meaning);
    for (const example of command.examples) expect(page).toContain(example);
  },
);

test.each([
  [20, 60],
  [80, 80],
  [400, 110],
  [undefined, 110],
])('a terminal of %s columns gets lines of at most %i', async (columns, most) => {
  const page = await commandHelp(COMMANDS[0]!, columns);
  const lengths = page
    .split('\n')
    .filter((line) => !line.startsWith('  clatd '))
    .map((line) => line.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(most);
});
