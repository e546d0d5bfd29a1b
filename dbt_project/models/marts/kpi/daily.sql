{{ kpi_report('day', 'day') }}
