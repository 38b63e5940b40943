"""The page of docs/kmeans.md, from the numbers of benches/kmeans.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TITLES = {
    "main": "Fits, float32, two threads",
    "one": "Fits, float32, one thread",
    "avx2": "Fits, float32, two threads, AVX2",
    "doubles": "Fits, float64, two threads",
    "doubles_one": "Fits, float64, one thread",
    "starts": "k-means++ alone",
    "predict": "predict",
    "sparse": "Sparse samples, float32, two threads",
    "batches": "MiniBatchKMeans, float32, two threads",
    "wide": "Few samples for each cluster, two threads",
    "growth": "How time grows",
}
PEERS = ("scikit-learn", "intelex", "faiss")


def page(results: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [HEAD]
    for group, title in TITLES.items():
        if group in results:
            parts.append(f"## {title}\n")
            parts.append(f"{_machine(results[group]['machine'])}\n")
            if group in ABOUT:
                parts.append(ABOUT[group])
            parts.append(table(results[group]["rows"]))
    if "dask" in results:
        parts.append(dask(results["dask"]))
    return "\n".join(parts)


HEAD = """\
# k-means, measured

This page shows how many times faster `poolkeeper.cluster.KMeans` is than scikit-learn,
scikit-learn-intelex and faiss-cpu. `make bench-kmeans` writes it. Each contestant is a process of
its own. The contestants take turns, start from the same samples and do the same number of
iterations (`tol=0`). A ratio is the median of the rounds' ratios; more than 1 means that
poolkeeper is faster. A ratio is in brackets where the inertia differs by more than 1e-4, because
the other program found another result (faiss splits clusters that poolkeeper and scikit-learn
don't). Seconds belong to this machine and its load; ratios don't.

*Of gemm* compares a fit with numpy's matrix product: the multiplications that the plain algorithm
would need (n d k for each iteration and for the last labelling), divided by those that numpy does
in the time of the fit on as many threads. It is the fraction of the machine's measured peak.
Pruning leaves multiplications out, so this number can be more than 1.
"""

ABOUT = {
    "growth": """\
Each row is ten iterations. One of n = 100,000, d = 32 and k = 64 is changed at a time.

![Seconds against n, d and k](img/kmeans-growth.svg)
""",
    "sparse": """\
Each row of the samples has up to 60 numbers, in some columns far more often than in others.
""",
    "batches": """\
A batch has 1,024 samples, and all batches together three times as many samples as there are. Each
contestant draws its own batches, so the inertias agree only to 2 %.
""",
    "wide": """\
The centers are nearly as large as the samples. They are of float32 where nothing else is said.
""",
    "avx2": """\
`POOLKEEPER_KMEANS_KERNEL=avx2` and `OPENBLAS_CORETYPE=Haswell` keep both contestants from using
AVX-512, on a processor that has it.
""",
}


def table(rows: list[dict[str, Any]]) -> str:
    """Return one group as a Markdown table, without the columns that are empty."""
    heads = ["samples", "n", "d", "k", "iterations", "ours", *PEERS, "of gemm", "goal"]
    cells = []
    for row in rows:
        case, of_gemm = row["case"], row.get("of gemm")
        cells.append([
            f"{case.get('growth') or case['name']}: {case['what']}",
            *(f"{case[key]:,}" for key in "ndk"),
            "" if row.get("iterations") is None else f"{row['iterations']}",
            seconds(row["seconds"]),
            *(ratio(row["peers"].get(peer)) for peer in PEERS),
            "" if of_gemm is None else f"{of_gemm:.2g}",
            goal(row),
        ])  # fmt: skip
    filled = [i for i in range(len(heads)) if any(row[i] for row in cells)]
    lines = [heads, ["---" if i in (0, len(heads) - 1) else "---:" for i in range(len(heads))]]
    return "".join("| " + " | ".join(line[i] for i in filled) + " |\n" for line in [*lines, *cells])


def dask(found: dict[str, Any]) -> str:
    """Return the section on Dask."""
    constants, sent = found["constants"], found["bytes"]
    lines = "".join(
        f"| {row['n']:,} | {row['parts']} | {row['workers']} | {seconds(row['seconds'])} "
        f"| {seconds(row['model'])} | {row['seconds'] / row['model']:.2f} |\n"
        for row in found["rows"]
    )
    return f"""\
## Dask, and the model of its scaling

{_machine(found["machine"])} `python benches/kmeans_dask.py`: a `LocalCluster` of processes with a
thread each, float32, d = {found["d"]}, k = {found["k"]}. The constants of the
[model](guide/kmeans.md#dask) were fitted to these runs: {constants["sample"] * 1e9:.0f} ns for each
sample of a worker, {constants["part"] * 1e3:.2g} ms for each part, and
{constants["iteration"] * 1e3:.0f} ms for each iteration. Client and scheduler use the CPUs of the
workers. A part's sums are {sent["sent"]:,} bytes when sent; the model's 8 k (d + 1) are
{sent["model"]:,} bytes.

| samples | parts | workers | an iteration | the model | measured / model |
| ---: | ---: | ---: | ---: | ---: | ---: |
{lines}"""


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the seconds against n, d and k, as SVG that changes with the data only."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "poolkeeper"
    from matplotlib import pyplot

    figure, all_axes = pyplot.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
    for axes, what in zip(all_axes, "ndk", strict=True):
        here = [row for row in rows if row["case"]["growth"] == what]
        values = [row["case"][what] for row in here]
        theirs = [row["peers"]["scikit-learn"]["seconds"] for row in here]
        axes.plot(values, theirs, marker="s", color="tab:orange", label="scikit-learn")
        ours = [row["seconds"] for row in here]
        axes.plot(values, ours, marker="o", color="tab:blue", label="poolkeeper")
        axes.set(xscale="log", yscale="log", xlabel=what)
        axes.grid(True, which="major", alpha=0.3)
    all_axes[0].set(ylabel="seconds")
    all_axes[0].legend()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


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
    if peer["ratio"] >= wanted:
        return f"{wanted:g}x: met"
    return f"{wanted:g}x: not met ({peer['ratio']:.3g}x)"


def seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _machine(machine: dict[str, str]) -> str:
    return "; ".join(str(machine[key]) for key in ("processor", "python") if key in machine) + "."
