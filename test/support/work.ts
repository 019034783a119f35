/**
 * Tells, whenever it is asked, how many seconds this process has worked since: whatever else the machine does makes
 * them no more. Of work that waits for nobody.
 */
export function startWork(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
}
