const unread: Error[] = [];

type Told = { error: string };

async function inner(
  gate: Promise<void> | null,
): Promise<Told> {
  await gate;
  const [first, second] = [0, 1].map((): Error => new Error('pair'));
  unread.push(second);
  return { error: first.stack as string };
}

async function outer(gate: Promise<void> | null): Promise<Told> {
  const told: Told = await inner(gate);
  return told;
}

export async function wait(): Promise<Told> {
  const gate: Promise<void> = new Promise(() => {}); Object.assign(globalThis, { gate }); outer(gate); return outer(null);
}
