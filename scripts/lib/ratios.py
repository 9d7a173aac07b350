"""Makes Markdown of the benchmark kit's last line (JSON on standard input). Argument: MiB resident at rest."""

import json
import sys

GOALS = {"closed": ("CPU per request", 2.3), "sse": ("CPU per streamed chunk", 2.0)}
IDLE_GOAL = 45


def table(result, idle):
    names = [name for name in ("ours", "nginx", "haproxy") if name in result["closed"]]
    titles = ["Gatehouse" if name == "ours" else name for name in names]
    yield "| times nginx, same run | " + " | ".join(titles) + " | goal |"
    yield "|---" * (len(names) + 2) + "|"
    for phase, (title, goal) in GOALS.items():
        cells = [f"{result[phase][name]['x']:.2f} ({result[phase][name]['cpu_us']:.1f} µs)" for name in names]
        yield f"| {title} | " + " | ".join(cells) + f" | ≤ {goal} |"
    others = [f"{result['idle_pss_mib'][name]:.1f} MiB (PSS)" if name in result["idle_pss_mib"] else "" for name in names[1:]]
    yield f"| memory at rest | {idle:.1f} MiB (RSS) | " + "".join(cell + " | " for cell in others) + f"≤ {IDLE_GOAL} MiB |"


if __name__ == "__main__":
    print("\n".join(table(json.load(sys.stdin), float(sys.argv[1]))))
