/**
 * A cycle for each knot of a graph (nodes that all reach each other), as the shortest path around from one of them, by Tarjan's strongly connected components: linear in nodes and
 * edges, without recursion, so that a chain of a hundred thousand is no danger.
 */
export function findCycles<Node>(nodes: Iterable<Node>, edgesOf: (node: Node) => readonly Node[]): Node[][] {
  const index = new Map<Node, number>();
  const low = new Map<Node, number>();
  const open: Node[] = [];
  const isOpen = new Set<Node>();
  const cycles: Node[][] = [];

  for (const root of nodes) {
    if (index.has(root)) continue;
    const path: { node: Node; edges: readonly Node[]; next: number }[] = [];
    const enter = (node: Node) => {
      index.set(node, index.size);
      low.set(node, index.get(node)!);
      open.push(node);
      isOpen.add(node);
      path.push({ node, edges: edgesOf(node), next: 0 });
    };
    enter(root);
    while (path.length > 0) {
      const frame = path.at(-1)!;
      const target = frame.edges[frame.next++];
      if (target !== undefined) {
        if (!index.has(target)) enter(target);
        else if (isOpen.has(target)) low.set(frame.node, Math.min(low.get(frame.node)!, index.get(target)!));
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent) low.set(parent.node, Math.min(low.get(parent.node)!, low.get(frame.node)!));
      if (low.get(frame.node) !== index.get(frame.node)) continue;
      const members = new Set<Node>();
      for (let member = open.pop()!; ; member = open.pop()!) {
        isOpen.delete(member);
        members.add(member);
        if (member === frame.node) break;
      }
      if (members.size > 1 || edgesOf(frame.node).includes(frame.node)) {
        cycles.push(walkAround(frame.node, members, edgesOf));
      }
    }
  }
  return cycles;
}

/** The shortest way from a node back to itself inside its component. */
function walkAround<Node>(start: Node, members: Set<Node>, edgesOf: (node: Node) => readonly Node[]): Node[] {
  const cameFrom = new Map<Node, Node>();
  const queue = [start];
  for (const node of queue) {
    for (const target of edgesOf(node)) {
      if (target === start) {
        const way = [node];
        while (way.at(-1) !== start) way.push(cameFrom.get(way.at(-1)!)!);
        return way.reverse();
      }
      if (members.has(target) && !cameFrom.has(target)) {
        cameFrom.set(target, node);
        queue.push(target);
      }
    }
  }
  return [start];
}
