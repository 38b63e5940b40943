"""The page of docs/kmeans.md, from the numbers of benches/kmeans.json."""

from __future__ import annotations

from typing import Any

TITLES = {
    "main": "Fits, float32, two threads",
    "one": "Fits, float32, one thread",
    "doubles": "Fits, float64, two threads",
    "starts": "k-means++ alone",
    "predict": "predict",
}
PEERS = ("scikit-learn", "intelex", "faiss")


def page(results: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [HEAD]
    for group, title in TITLES.items():
        if group in results:
            parts.append(f"## {title}\n")
            parts.append(f"{_machine(results[group]['machine'])}\n")
            parts.append(table(results[group]["rows"]))
    return "\n".join(parts)


HEAD = """\
# k-means, measured

How many times faster `poolkeeper.cluster.KMeans` is than scikit-learn, scikit-learn-intelex and
faiss-cpu. Written by `make bench-kmeans`: each contestant is a process of its own, they take turns,
start from the same samples and do the same number of iterations (`tol=0`), and a ratio is the
median of the rounds' ratios. More than 1 is faster. Where the inertia is not the same to 1e-4, the
ratio is in brackets: another result was found (faiss splits clusters that we and scikit-learn
don't). Seconds belong to this machine and its load; ratios don't.
"""


def table(rows: list[dict[str, Any]]) -> str:
    """Return one group as a Markdown table."""
    lines = [
        "| samples | n | d | k | iterations | ours | scikit-learn | intelex | faiss | goal |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        case = row["case"]
        ratios = " | ".join(ratio(row["peers"].get(peer)) for peer in PEERS)
        lines.append(
            f"| {case['name']}: {case['what']} | {case['n']:,} | {case['d']} | {case['k']} "
            f"| {case['max_iter']} | {seconds(row['seconds'])} | {ratios} | {goal(row)} |"
        )
    return "\n".join(lines) + "\n"


def line(row: dict[str, Any]) -> str:
    """Return one case as a line for the terminal."""
    case = row["case"]
    ratios = ", ".join(f"{peer} {ratio(row['peers'].get(peer))}" for peer in PEERS)
    return (
        f"{case['task']} {case['name']} {case['dtype']} {case['threads']} threads: "
        f"{seconds(row['seconds'])}; {ratios}; goal {goal(row)}"
    )


def ratio(peer: dict[str, Any] | None) -> str:
    if peer is None:
        return ""
    text = f"{peer['ratio']:.2g}x"
    return text if peer["same"] else f"({text})"


def goal(row: dict[str, Any]) -> str:
    wanted, peer = row["case"]["goal"], row["peers"].get("scikit-learn")
    if wanted is None or peer is None:
        return ""
    met = "met" if peer["ratio"] >= wanted else "not met"
    return f"{wanted:g}x: {met}"


def seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _machine(machine: dict[str, str]) -> str:
    return "; ".join(str(machine[key]) for key in ("processor", "python") if key in machine) + "."
