"""What every benchmark uses: pairs, bars, results, processes, requests."""
