"""Invariants of moment tensors: which contractions there are, and the products that form them.

A contraction is a multigraph: vertices are moments of radial index mu, an edge is an index summed between
two of them, and the rank of a moment is the number of its edges. Its level is the sum over moments of
2 + 4 mu + rank (Shapeev, Multiscale Model. Simul. 14, 1153 (2016); Novikov et al., Mach. Learn.: Sci.
Technol. 2, 025002 (2021)).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations, product
from math import factorial

MOST_MOMENTS = 4
"""Moments in one scalar, as in MLIP: five bodies."""

Powers = tuple[int, int, int]
Component = tuple[Powers, ...]
"""Of a partial contraction: how often x, y and z stand among the open indices towards each other vertex."""


@dataclass(frozen=True, order=True)
class Graph:
    """A contraction in canonical form: radial index of each vertex, and edges between vertices i > j."""

    mu: tuple[int, ...]
    edges: tuple[int, ...]
    """Multiplicities, row by row of the lower triangle."""

    def multiplicity(self, i: int, j: int) -> int:
        """Number of indices summed between two vertices."""
        if i == j:
            return 0
        i, j = max(i, j), min(i, j)
        return self.edges[i * (i - 1) // 2 + j]

    @property
    def level(self) -> int:
        """Sum of the levels of the moments."""
        return sum(2 + 4 * mu for mu in self.mu) + 2 * sum(self.edges)


def _colours(mu: Sequence[int], edges: Mapping[tuple[int, int], int]) -> list[int]:
    """Classes of vertices that no relabelling can mix, by repeated refinement."""
    n = len(mu)
    colours = list(mu)
    while True:
        seen = [
            (
                colours[i],
                tuple(sorted((edges[i, j], colours[j]) for j in range(n) if edges.get((i, j)))),
            )
            for i in range(n)
        ]
        order = {key: rank for rank, key in enumerate(sorted(set(seen)))}
        refined = [order[key] for key in seen]
        if len(order) == len(set(colours)):
            return refined
        colours = refined


def canonical(mu: Sequence[int], edges: Mapping[tuple[int, int], int]) -> Graph:
    """Form that all relabellings of a multigraph share; ``edges`` holds both orders of every pair."""
    n = len(mu)
    colours = _colours(mu, edges)
    classes = [[i for i in range(n) if colours[i] == colour] for colour in sorted(set(colours))]
    best: tuple[int, ...] | None = None
    for arrangement in product(*(permutations(members) for members in classes)):
        order = [i for members in arrangement for i in members]
        found = tuple(edges.get((order[i], order[j]), 0) for i in range(n) for j in range(i))
        if best is None or found > best:
            best = found
    assert best is not None
    return Graph(tuple(mu[i] for members in classes for i in members), best)


@cache
def connected_graphs(level: int, moments: int) -> tuple[Graph, ...]:
    """Contractions of so many moments at most that are no products of others, in order of their level."""
    known: set[Graph] = set()
    new = {Graph((mu,), ()) for mu in range((level - 2) // 4 + 1) if level >= 2}
    while new:
        known |= new
        new = {grown for graph in new for grown in _grown(graph, level, moments)} - known
    return tuple(sorted(known, key=lambda graph: (graph.level, len(graph.mu), graph)))


def _grown(graph: Graph, level: int, moments: int) -> Iterator[Graph]:
    """Connected graphs with an edge more, between two vertices or to a new one."""
    n = len(graph.mu)
    edges = {(i, j): graph.multiplicity(i, j) for i in range(n) for j in range(n) if i != j}
    if graph.level + 2 <= level:
        for i in range(n):
            for j in range(i):
                count = edges[i, j] + 1
                yield canonical(graph.mu, edges | {(i, j): count, (j, i): count})
    if n == moments:
        return
    for mu in range((level - graph.level - 4) // 4 + 1):
        for i in range(n):
            yield canonical((*graph.mu, mu), edges | {(i, n): 1, (n, i): 1})


def contractions(level: int, moments: int = MOST_MOMENTS) -> list[tuple[Graph, ...]]:
    """All scalars up to a level as products of connected contractions, in order of their level."""
    graphs = connected_graphs(level, moments)
    found: list[tuple[Graph, ...]] = []

    def extend(chosen: tuple[Graph, ...], first: int, left: int, free: int) -> None:
        for k in range(first, len(graphs)):
            if graphs[k].level > left:
                break  # they are sorted by level
            if len(graphs[k].mu) > free:
                continue
            found.append((*chosen, graphs[k]))
            extend(found[-1], k, left - graphs[k].level, free - len(graphs[k].mu))

    extend((), 0, level, moments)
    return sorted(found, key=lambda parts: (sum(g.level for g in parts), len(parts), parts))


@cache
def powers_of_rank(rank: int) -> tuple[Powers, ...]:
    """Exponents of x, y, z that add up to the rank."""
    return tuple((a, b, rank - a - b) for a in range(rank, -1, -1) for b in range(rank - a, -1, -1))


def arrangements(powers: Powers) -> int:
    """Number of index sequences with these counts of x, y and z."""
    return factorial(sum(powers)) // (factorial(powers[0]) * factorial(powers[1]) * factorial(powers[2]))


def _add(a: Powers, b: Powers) -> Powers:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@dataclass
class Products:
    """Basic moments and the sums of products that form all scalars up to a level.

    Attributes
    ----------
    basic
        (mu, a, b, c) of each basic moment; their values come first.
    rows
        (u, v, weight, target): weight V[u] V[v] is added to V[target].
    scalars
        Value of each contraction, in the order of `contractions`.
    """

    basic: list[tuple[int, int, int, int]] = field(default_factory=list)
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    scalars: list[int] = field(default_factory=list)


class _Builder:
    """Forms contractions vertex by vertex; partial ones that look alike from outside are formed once.

    A partial contraction keeps, for its open indices towards each other vertex, only how many of them are x,
    y and z, summed over their orders: the tensor on the other side is symmetric and asks for nothing else.
    """

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.graphs = graphs
        ranks: defaultdict[int, int] = defaultdict(int)
        for graph in graphs:
            for i, mu in enumerate(graph.mu):
                rank = sum(graph.multiplicity(i, j) for j in range(len(graph.mu)))
                ranks[mu] = max(ranks[mu], rank)
        self.products = Products()
        self.products.basic = [
            (mu, *powers)
            for mu in sorted(ranks)
            for rank in range(ranks[mu] + 1)
            for powers in powers_of_rank(rank)
        ]
        self.moment = {key: k for k, key in enumerate(self.products.basic)}
        self.n_values = len(self.products.basic)
        self.partial: dict[Graph, dict[Component, int]] = {}

    def value(self, rows: Sequence[tuple[int, int, int]]) -> int:
        """A new value, the sum of weight V[u] V[v] over (u, v, weight)."""
        together: defaultdict[tuple[int, int], int] = defaultdict(int)
        for u, v, weight in rows:
            together[min(u, v), max(u, v)] += weight
        self.products.rows += [(u, v, weight, self.n_values) for (u, v), weight in sorted(together.items())]
        self.n_values += 1
        return self.n_values - 1

    def scalar(self, graph: Graph) -> int:
        """Value of a connected contraction."""
        order = _cheapest_order(graph)
        if len(order) == 1:
            return self.moment[graph.mu[0], 0, 0, 0]
        done = [order[0]]
        tensor = self._single(graph, order[0])
        for vertex in order[1:]:
            tensor = self._merged(graph, done, tensor, vertex)
            done.append(vertex)
        return tensor[()]

    def _single(self, graph: Graph, vertex: int) -> dict[Component, int]:
        """A moment as a partial contraction: sums over orders are left to the weights of `_merged`."""
        others = _neighbours_outside(graph, [vertex])
        ranks = [graph.multiplicity(vertex, other) for other in others]
        return {
            component: self.moment[(graph.mu[vertex], *_total(component))]
            for component in product(*(powers_of_rank(rank) for rank in ranks))
        }

    def _merged(
        self, graph: Graph, done: Sequence[int], tensor: Mapping[Component, int], vertex: int
    ) -> dict[Component, int]:
        """Contract a partial contraction with one more moment."""
        before, after = _neighbours_outside(graph, done), _neighbours_outside(graph, [*done, vertex])
        key, labels = _partial_key(graph, [*done, vertex], after)
        if key in self.partial:
            return {tuple(component[k] for k in labels): v for component, v in self.partial[key].items()}
        # The components of a single moment are not yet summed over the orders of their indices.
        single = len(done) == 1
        closed = before.index(vertex)
        own = [graph.multiplicity(vertex, other) for other in after]
        rows: defaultdict[Component, list[tuple[int, int, int]]] = defaultdict(list)
        for component, value in tensor.items():
            weight = 1
            if single:
                for powers in component:
                    weight *= arrangements(powers)
            towards = dict(zip(before, component, strict=True))
            for mine in product(*(powers_of_rank(rank) for rank in own)):
                sequences = weight
                for powers in mine:
                    sequences *= arrangements(powers)
                moment = self.moment[(graph.mu[vertex], *_add(component[closed], _total(mine)))]
                target = tuple(
                    _add(towards.get(other, (0, 0, 0)), powers)
                    for other, powers in zip(after, mine, strict=True)
                )
                rows[target].append((value, moment, sequences))
        merged = {target: self.value(entries) for target, entries in sorted(rows.items())}
        inverse = sorted(range(len(labels)), key=labels.__getitem__)
        self.partial[key] = {tuple(c[k] for k in inverse): v for c, v in merged.items()}
        return merged


def _total(component: Component) -> Powers:
    total: Powers = (0, 0, 0)
    for powers in component:
        total = _add(total, powers)
    return total


def _neighbours_outside(graph: Graph, inside: Sequence[int]) -> list[int]:
    """Vertices outside that have an edge into a set, ascending."""
    return [
        other
        for other in range(len(graph.mu))
        if other not in inside and any(graph.multiplicity(i, other) for i in inside)
    ]


def _partial_key(graph: Graph, inside: Sequence[int], outside: Sequence[int]) -> tuple[Graph, list[int]]:
    """What two partial contractions must share to be the same, and the place of each open end in it."""
    vertices = [*inside, *outside]
    best: tuple[Graph, list[int]] | None = None
    for arrangement in permutations(range(len(outside))):
        ends = [outside[k] for k in arrangement]
        mu = [*(graph.mu[i] for i in inside), *(-1 - k for k in range(len(ends)))]
        order = [*inside, *ends]
        edges = {
            (a, b): graph.multiplicity(order[a], order[b])
            for a in range(len(vertices))
            for b in range(len(vertices))
            if a != b and (a < len(inside) or b < len(inside))
        }
        form = canonical(mu, edges)
        if best is None or form < best[0]:
            places = [0] * len(outside)
            for place, k in enumerate(arrangement):
                places[k] = place
            best = form, places
    assert best is not None
    return best


def _cheapest_order(graph: Graph) -> list[int]:
    """Order of vertices that takes the fewest products, found greedily from each start."""
    best: tuple[int, list[int]] | None = None
    for start in range(len(graph.mu)):
        order, cost = [start], 0
        while len(order) < len(graph.mu):
            choices = [(_products_of(graph, order, v), v) for v in _neighbours_outside(graph, order)]
            step, vertex = min(choices)
            cost += step
            order.append(vertex)
        if best is None or cost < best[0]:
            best = cost, order
    assert best is not None
    return best[1]


def _products_of(graph: Graph, inside: Sequence[int], vertex: int) -> int:
    """Number of products when a vertex joins a partial contraction."""
    count = 1
    for other in _neighbours_outside(graph, inside):
        count *= len(powers_of_rank(sum(graph.multiplicity(i, other) for i in inside)))
    for other in range(len(graph.mu)):
        if other not in inside and other != vertex:
            count *= len(powers_of_rank(graph.multiplicity(vertex, other)))
    return count


@cache
def products_of_level(level: int, moments: int = MOST_MOMENTS) -> Products:
    """Products that form all scalars up to a level, each intermediate value once."""
    builder = _Builder(connected_graphs(level, moments))
    value: dict[tuple[Graph, ...], int] = {(graph,): builder.scalar(graph) for graph in builder.graphs}
    for parts in contractions(level, moments):
        if len(parts) > 1:
            value[parts] = builder.value([(value[parts[:-1]], value[parts[-1:]], 1)])
    builder.products.scalars = [value[parts] for parts in contractions(level, moments)]
    return builder.products
