"""Jobs: a queue in the database, workers that each run one job at a time, and the process of a job."""
