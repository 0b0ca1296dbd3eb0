"""A click command that writes a file whole, or with --unsafe line by line."""

import os
import time

import click


@click.command()
@click.argument("target")
@click.option("--unsafe", is_flag=True)
def main(target, unsafe):
    """Write twenty lines to TARGET."""
    path = target if unsafe else f"{target}.part"
    with open(path, "w", encoding="utf-8") as file:
        for number in range(20):
            click.echo(f"line {number}", file=file)
            file.flush()
            time.sleep(0.02)
    os.replace(path, target)


if __name__ == "__main__":
    main()
