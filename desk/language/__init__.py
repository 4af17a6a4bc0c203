"""Language models: where they answer, the check of what they write, and scores of news. Off unless configured."""
