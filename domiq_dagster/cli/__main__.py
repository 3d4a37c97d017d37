"""`python -m domiq_dagster.cli` is `domiq-sync`, for whoever starts it without the script."""

from domiq_dagster.cli.main import main

main()
