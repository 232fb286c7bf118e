"""What the integration tests are written with: real processes, free ports, deadlines, and nothing left behind."""
