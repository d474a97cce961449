"""Write the dashboards: `python -m deploy.grafana.generate`, or `make dashboards`."""

from __future__ import annotations

from pathlib import Path

from deploy.grafana import elasticity, service, table4
from deploy.grafana.sheet import sheet, text

FOLDER = Path(__file__).with_name("dashboards")


def dashboards() -> dict[str, str]:
    """Return the JSON of every dashboard by its name."""
    made = {
        "service": sheet(
            "service", "Service", "Traffic, latency, attainment, misses.", service.rows()
        ),
        "elasticity": sheet(
            "elasticity", "Elasticity", "Variants, quality, steps, memory.", elasticity.rows()
        ),
        "table4": sheet("table4", "Table 4", "Throughput over the full model.", table4.rows()),
    }
    return {name: text(each) for name, each in made.items()}


def main() -> None:
    """Write them all."""
    for name, written in dashboards().items():
        (FOLDER / f"{name}.json").write_text(written, "utf-8")


if __name__ == "__main__":
    main()
